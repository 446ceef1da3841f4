"""Cache: each number is plain SQL's; what breaks the prompt cache is shown as text, or said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.components import format as fmt
from llmtrace.clock import SystemClock
from llmtrace.store import open_store
from tests.dashboards.opening import as_markdown, metrics, open_page, texts
from tests.dashboards.seeding import fill
from tests.dashboards.test_overview import HOSTILE
from tests.store.calls import call, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from llmtrace.otlp.rows import SpanRow

NOW = datetime(2026, 11, 18, 15, 30, 5, tzinfo=UTC)
END = datetime(2026, 11, 18, 15, 30, 10, tzinfo=UTC)
RANGE = [END - timedelta(days=1), END]
BEFORE = [RANGE[0] - timedelta(days=1), RANGE[0]]
FIGURES = """
    select NAME as name, count(*) as requests,
        count(*) filter (where cache_status = 'hit')
            / count(*) filter (where cache_status in ('hit', 'miss')) as hit_rate,
        sum(cache_read_tokens) / sum(input_tokens) as token_rate,
        sum(cache_read_tokens)::bigint as cached, sum(cache_savings_usd) as saved,
        sum(cost_input_usd) filter (where cache_status = 'miss') as missed
    from llm_calls where start_time >= $1 and start_time < $2 group by 1 order by 2 desc, 1
"""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)


def prompt(instructions: str, question: str = "Hi") -> str:
    return json.dumps({"model": "gpt-5", "messages": [
        {"role": "system", "content": instructions}, {"role": "user", "content": question},
    ]})  # fmt: skip


def two_days() -> list[SpanRow]:
    """Return calls of two days; those of the last hour carry a clock in their instructions."""
    models = (("openai", "gpt-5"), ("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5-mini"))
    rows: list[SpanRow] = []
    for number in range(200):
        provider, model = models[number * 7 % 3]
        status = ("hit", "hit", "miss", "bypass", None)[number * 3 % 5]
        rows.append(
            call(
                NOW - minutes(number * 11 % 2_870), provider=provider, request_model=model,
                feature=("support", "search")[number % 2], input_tokens=1_000 + number,
                cache_status=status, cost_input_usd=Decimal("0.0004") * (1 + number % 7),
                cache_read_tokens=700 + number if status == "hit" else (None, 0)[number % 2],
                cache_savings_usd=Decimal("0.003") if status == "hit" else None,
            )
        )  # fmt: skip
    rows.extend(
        call(NOW - minutes(number), feature="help", api="openai.chat", input_tokens=1_500,
             request_body=prompt(f"You are kind. It is 15:{30 - number}.", f"Question {number}"))
        for number in range(4)
    )  # fmt: skip
    return rows


def plain(home: Path, sql: str, span: Sequence[datetime] = RANGE) -> list[dict[str, Any]]:
    return open_store(home).sql(sql, span).to_pylist()


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppTest, Path]]:
    """Open the page once, on two days of calls."""
    home = tmp_path_factory.mktemp("busy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "now", lambda _self: NOW)
        fill(home, two_days())
        app = open_page(home, patch, "cache")
        assert not app.exception
        yield app, home


def table(app: AppTest, name: str) -> list[dict[str, Any]]:
    """Return the rows of the table that has a column."""
    for each in app.dataframe:
        if name in each.value.columns:
            records = each.value.to_dict("records")
            return [{str(key): value for key, value in row.items()} for row in records]
    raise AssertionError(f"no table has a column {name}")


def test_one_call_that_says_nothing_of_a_cache_shows_dashes_not_zeros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(NOW - minutes(3))])

    app = open_page(tmp_path, monkeypatch, "cache")

    assert not app.exception
    assert set(metrics(app).values()) == {fmt.NONE}
    assert "0 pairs of consecutive prompts" in texts(app)
    assert "1 call without a stored text" in texts(app)
    assert "whose bodies are stored whole" in as_markdown(app)


def test_every_card_is_plain_sql(busy: tuple[AppTest, Path]) -> None:
    app, home = busy

    (now,) = plain(home, FIGURES.replace("NAME", "'all'"))
    (before,) = plain(home, FIGURES.replace("NAME", "'all'"), BEFORE)
    assert metrics(app) == {
        "Hit rate by request": fmt.percent(now["hit_rate"]),
        "Hit rate by token": fmt.percent(now["token_rate"]),
        "Saved": fmt.money(now["saved"]),
        "Potential, at most": fmt.money(now["missed"]),
        "Cached tokens": fmt.short_count(now["cached"]),
    }
    deltas = {card.label: card.delta for card in app.metric}
    assert deltas["Hit rate by token"] == fmt.points(now["token_rate"] - before["token_rate"])
    assert deltas["Saved"] == fmt.change(float(now["saved"]) / float(before["saved"]) - 1)


def test_the_comparison_is_plain_sql(busy: tuple[AppTest, Path]) -> None:
    app, home = busy

    sql = FIGURES.replace("NAME", "model")
    before = {row["name"]: row for row in plain(home, sql, BEFORE)}
    assert table(app, "Change by token") == [
        {
            "Model": row["name"],
            "Requests": fmt.count(row["requests"]),
            "Hit rate by request": fmt.percent(row["hit_rate"]),
            "Change": fmt.points(row["hit_rate"] - before[row["name"]]["hit_rate"]),
            "Hit rate by token": fmt.percent(row["token_rate"]),
            "Change by token": fmt.points(row["token_rate"] - before[row["name"]]["token_rate"]),
            "Cached tokens": fmt.count(row["cached"]),
            "Saved": fmt.money(row["saved"]),
            "Potential, at most": fmt.money(row["missed"]),
        }
        for row in plain(home, sql)
    ]


def test_what_the_cache_did_is_plain_sql(busy: tuple[AppTest, Path]) -> None:
    app, home = busy

    rows = plain(
        home,
        """select case cache_status when 'hit' then 'Hit' when 'miss' then 'Miss'
            when 'bypass' then 'Could not be cached' else 'Not told' end as status,
            count(*) as calls, sum(input_tokens)::bigint as input,
            sum(cost_input_usd) as cost
        from llm_calls where start_time >= $1 and start_time < $2 group by 1 order by 1""",
    )
    shown = sorted(table(app, "Status"), key=lambda row: row["Status"])
    assert [
        (row["Status"], row["Calls"], row["Input tokens"], row["Uncached input cost"])
        for row in shown
    ] == [
        (row["status"], fmt.count(row["calls"]), fmt.count(row["input"]), fmt.money(row["cost"]))
        for row in rows
    ]


def test_the_first_text_that_differs_is_shown_with_both_calls(
    busy: tuple[AppTest, Path],
) -> None:
    app, _ = busy

    assert "3 pairs of consecutive prompts compared" in texts(app)
    assert "Feature help  ·  gpt-5  ·  chat gpt-5" in texts(app)
    assert "Message 1, system: parts after 30 of 33 characters, 3 times; 4,500 input" in texts(app)
    assert app.code[0].value == (
        "before  …system You are kind. It is 15:⟦29.⟧\nafter   …system You are kind. It is 15:⟦30.⟧"
    )
    assert [button.label for button in app.button if "call" in button.label] == [
        "Earlier call", "Later call",
    ]  # fmt: skip


def test_prompts_that_begin_alike_are_praised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = (prompt("Be kind.", question) for question in ("Hi", "Bye"))
    fill(
        tmp_path, [call(NOW - minutes(3), api="openai.chat", request_body=each) for each in bodies]
    )

    app = open_page(tmp_path, monkeypatch, "cache")

    assert not app.exception
    assert "1 pair of consecutive prompts compared" in texts(app)
    assert "Every prompt begins as the one before it" in as_markdown(app)


def test_hostile_text_is_never_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[SpanRow] = []
    for text in HOSTILE:
        about: dict[str, Any] = {
            "request_model": text, "feature": text, "name": text, "provider": text,
            "cache_status": text, "api": "openai.chat",
        }  # fmt: skip
        rows.append(call(NOW - minutes(3), **about, request_body=prompt(text)))
        rows.append(call(NOW - minutes(2), **about, request_body=prompt(f"other {text}")))
    fill(tmp_path, rows)

    app = open_page(tmp_path, monkeypatch, "cache")

    assert not app.exception
    for text in HOSTILE:
        assert text not in as_markdown(app)
    shown = texts(app) + "".join(str(each.value.to_dict()) for each in app.dataframe)
    shown += "".join(code.value for code in app.code)
    assert not {"\u202e", "\u2066", "\x1b"}.intersection(shown)
