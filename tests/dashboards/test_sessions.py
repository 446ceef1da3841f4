"""Sessions: the list and every turn are plain SQL's; a turn shows what it added, as text."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.components import format as fmt
from llmtrace.store import open_store
from tests.dashboards.opening import as_markdown, column, metrics, open_page, texts
from tests.dashboards.seeding import fill, recently
from tests.dashboards.test_overview import HOSTILE
from tests.store.calls import call, failed, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from llmtrace.otlp.rows import SpanRow

SESSION = 'support "42"'
LONG = "long " * 10_000


def talk(at: datetime, turns: int) -> list[SpanRow]:
    """Return a conversation that is sent again whole with every turn."""
    history: list[dict[str, str]] = []
    rows: list[SpanRow] = []
    for number in range(1, turns + 1):
        history.append({"role": "user", "content": f"question {number}"})
        answer = {"role": "assistant", "content": f"answer {number}"}
        rows.append(
            call(
                at + timedelta(seconds=10 * number), session_id=SESSION, user_id="ann",
                tenant="acme", api="openai.chat", latency_ms=1_000 + number,
                cost_usd=None if number == 3 else Decimal(number) / 1_000,
                cache_status="hit" if number % 2 else "miss",
                request_body=json.dumps({"messages": history}),
                response_body=json.dumps({"choices": [{"message": answer}]}),
            )
        )  # fmt: skip
        history.append(answer)
    return rows


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sessions")
    at = recently() - minutes(10)
    others = [
        call(at - minutes(number), session_id=f"s{number:02}", user_id="bob", tenant="globex")
        for number in range(55)
    ]
    fill(folder, [*talk(at, 12), failed(at, session_id="s00"), call(at), *others])
    return folder


@pytest.fixture(scope="module")
def listed(home: Path) -> Iterator[AppTest]:
    with pytest.MonkeyPatch.context() as patch:
        yield open_page(home, patch, "sessions")


@pytest.fixture(scope="module")
def read(home: Path) -> Iterator[AppTest]:
    with pytest.MonkeyPatch.context() as patch:
        yield open_page(home, patch, "sessions", {"session": SESSION})


def plain(home: Path, sql: str) -> list[dict[str, Any]]:
    return open_store(home).sql(sql).to_pylist()


def test_the_list_is_plain_sql(listed: AppTest, home: Path) -> None:
    assert not listed.exception
    rows = plain(home, """
        select s.*, epoch_us(s.end_time - s.start_time) / 1e3 as ms from sessions as s
        join (select session_id, max(start_time) as last_at from llm_calls group by 1) as l
            using (session_id)
        order by l.last_at desc, session_id desc limit 50
    """)  # fmt: skip
    assert column(listed, "Session") == [fmt.one_line(row["session_id"], 60) for row in rows]
    assert column(listed, "User") == [row["user_id"] or fmt.NONE for row in rows]
    assert column(listed, "Tenant") == [row["tenant"] or fmt.NONE for row in rows]
    assert column(listed, "Turns") == [str(row["llm_calls"]) for row in rows]
    assert column(listed, "Errors") == [str(row["errors"]) for row in rows]
    assert column(listed, "Duration") == [fmt.duration(row["ms"]) for row in rows]
    assert column(listed, "Cost") == [
        ("≥ " if row["unpriced_calls"] else "") + fmt.money(row["cost_usd"]) for row in rows
    ]


def test_a_session_shows_its_sums_and_its_first_turns(read: AppTest, home: Path) -> None:
    assert not read.exception
    (row,) = plain(home, "select * from sessions where user_id = 'ann'")
    assert metrics(read) == {
        "Turns": "12",
        "Cost": f"≥ {fmt.money(row['cost_usd'])}",
        "Duration": fmt.duration((row["end_time"] - row["start_time"]).total_seconds() * 1e3),
        "Input tokens": fmt.count(row["input_tokens"]),
        "Output tokens": fmt.count(row["output_tokens"]),
    }
    calls = plain(home, """
        select latency_ms, cost_usd, sum(cost_usd) over (order by start_time) as total
        from llm_calls where user_id = 'ann' order by start_time limit 10
    """)  # fmt: skip
    shown = texts(read)
    for number, each in enumerate(calls, 1):
        cost = fmt.UNPRICED if each["cost_usd"] is None else fmt.exact_money(each["cost_usd"])
        total = ("≥ " if number >= 3 else "") + fmt.exact_money(each["total"])
        assert (
            f"{fmt.duration(each['latency_ms'])}  ·  100 → 20 tokens  ·  {cost}, {total} so far"
            in shown
        )
        assert shown.count(f"question {number}\n") == 1
        assert shown.count(f"answer {number}\n") + shown.endswith(f"answer {number}") == 1
    assert "question 11" not in shown
    assert ":green-badge[Cache hit]" in as_markdown(read)
    assert "18 messages sent again, shown above." in as_markdown(read)


def test_the_rest_of_a_long_session_is_a_page_away(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(home, monkeypatch, "sessions", {"session": SESSION, "turns": "2"})

    assert not app.exception
    assert "question 11" in texts(app)
    assert "question 10" not in texts(app)
    assert "answer 12" in texts(app)


def test_pages_of_the_list_go_back_and_forth(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(home, monkeypatch, "sessions", {"find": "S"})

    (older,) = [button for button in app.button if button.label == "Older"]
    older.click().run()

    assert not app.exception
    assert column(app, "Session") == ["s49", "s50", "s51", "s52", "s53", "s54"]
    (newer,) = [button for button in app.button if button.label == "Newer"]
    newer.click().run()
    assert len(column(app, "Session")) == 50


@pytest.mark.parametrize("query", [{"session": "nope"}, {"find": "nope"}])
def test_what_is_not_there_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    app = open_page(home, monkeypatch, "sessions", query)

    assert not app.exception
    assert app.info


def test_hostile_and_long_text_is_shown_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "\n".join(HOSTILE)
    body = json.dumps({"messages": [{"role": "user", "content": hostile + LONG}]})
    about: dict[str, Any] = {
        "session_id": hostile, "user_id": hostile, "tenant": hostile, "request_model": hostile,
        "error_type": hostile, "status_message": hostile, "status": "error",
    }  # fmt: skip
    fill(tmp_path, [call(recently(), **about, api="openai.chat", request_body=body)])

    for query in ({"range": "24h"}, {"session": hostile}):
        app = open_page(tmp_path, monkeypatch, "sessions", query)
        assert not app.exception
        for text in HOSTILE:
            assert text not in as_markdown(app)
        assert not {"\u202e", "\u2066", "\x1b"}.intersection(texts(app))
    assert "20,000 of 50," in as_markdown(app)
    (more,) = [button for button in app.button if button.label == "Show all"]
    more.click().run()
    assert LONG.strip() in texts(app)
