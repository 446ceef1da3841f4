"""Usage & tokens: each number is plain SQL's; what is not told is a dash, and counted."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.components import format as fmt
from llmtrace.clock import SystemClock
from llmtrace.store import open_store
from tests.dashboards.opening import as_markdown, column, metrics, open_page, texts
from tests.dashboards.seeding import fill
from tests.dashboards.test_overview import HOSTILE
from tests.store.calls import call, failed, minutes

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
    select NAME as name, count(*) as requests, sum(input_tokens)::bigint as sent,
        sum(output_tokens)::bigint as made,
        sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::bigint as tokens,
        avg(input_tokens) as sent_each, avg(output_tokens) as made_each,
        count(distinct user_id) as users,
        count(*) filter (where is_stream) / count(is_stream) as streams,
        sum(cost_usd) filter (where input_tokens + coalesce(output_tokens, 0) > 0) * 1000.0
            / sum(input_tokens + coalesce(output_tokens, 0)) filter (where cost_usd is not null)
            as per_1k
    from llm_calls where start_time >= $1 and start_time < $2
    group by 1 order by tokens desc nulls last, requests desc, 1
"""
KINDS = {
    "Input, uncached": "input_tokens - coalesce(cache_read_tokens, 0) "
    "- coalesce(cache_write_tokens, 0)",
    "Input, cache read": "cache_read_tokens",
    "Input, cache write": "cache_write_tokens",
    "Output, answer": "output_tokens - coalesce(reasoning_tokens, 0)",
    "Output, reasoning": "reasoning_tokens",
}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)


def two_days() -> list[SpanRow]:
    """Return calls of two days: of every source of usage, some unpriced, some failed."""
    models = (("openai", "gpt-5"), ("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5-mini"))
    rows: list[SpanRow] = []
    for number in range(240):
        provider, model = models[number * 7 % 3]
        at = NOW - minutes(number * 11 % 2_870)
        if number % 19 == 0:
            rows.append(failed(at, provider=provider, request_model=model))
            continue
        if number % 37 == 0:
            rows.append(call(at, input_tokens=None, output_tokens=None, cost_usd=None))
            continue
        rows.append(
            call(
                at, provider=provider, request_model=model, tenant=("acme", "globex")[number % 2],
                feature=("support", "search", None)[number % 3], user_id=f"u{number * number % 7}",
                session_id=f"s{number // 9}" if number % 4 else None,
                input_tokens=90 * (1 + number % 11) ** 2, output_tokens=120 + number % 40,
                cache_read_tokens=(60, 0, None)[number % 3],
                cache_write_tokens=(20, None)[number % 2],
                reasoning_tokens=(50, None)[number % 2], is_stream=(True, False, None)[number % 3],
                usage_source=("estimated", "partial", None, "provider")[number % 4],
                cost_usd=None if number % 9 == 0 else Decimal("0.0004") * (1 + number % 7),
            )
        )  # fmt: skip
    return rows


def plain(home: Path, sql: str, span: Sequence[datetime] = RANGE) -> list[dict[str, Any]]:
    return open_store(home).sql(sql, span).to_pylist()


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppTest, Path]]:
    """Open the page once, on two days of calls, charts as tables."""
    home = tmp_path_factory.mktemp("busy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "now", lambda _self: NOW)
        fill(home, two_days())
        app = open_page(home, patch, "usage", {"tables": "true"})
        assert not app.exception
        yield app, home


def tables(app: AppTest) -> dict[str, list[list[str]]]:
    """Return the tables that charts became: caption → the head and the rows."""
    found: dict[str, list[list[str]]] = {}
    for element in app.get("html"):
        text = str(element.proto.body)
        for caption, body in re.findall(r"<caption>(.*?)</caption>(.*?)</table>", text):
            found[caption] = [
                re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
                for row in re.findall(r"<tr>(.*?)</tr>", body)
            ]
    return found


def test_every_card_is_plain_sql(busy: tuple[AppTest, Path]) -> None:
    app, home = busy

    (now,) = plain(home, FIGURES.replace("NAME", "'all'"))
    (before,) = plain(home, FIGURES.replace("NAME", "'all'"), BEFORE)
    assert metrics(app) == {
        "Requests": fmt.short_count(now["requests"]),
        "Tokens": fmt.short_count(now["tokens"]),
        "Input a request": fmt.short_count(now["sent_each"]),
        "Output a request": fmt.short_count(now["made_each"]),
        "Active users": fmt.short_count(now["users"]),
        "Per 1k tokens": fmt.money(Decimal(now["per_1k"])),
    }
    deltas = {card.label: card.delta for card in app.metric}
    assert deltas["Tokens"] == fmt.change(now["tokens"] / before["tokens"] - 1)
    assert deltas["Per 1k tokens"] == fmt.change(now["per_1k"] / before["per_1k"] - 1)
    assert f"Streamed: {fmt.percent(now['streams'])} (" in texts(app)


def test_tokens_by_kind_are_plain_sql_and_add_up(busy: tuple[AppTest, Path]) -> None:
    app, home = busy

    sums = ", ".join(f'sum({sql})::bigint as "{name}"' for name, sql in KINDS.items())
    hourly = """select strftime(date_trunc('hour', start_time), '%Y-%m-%d %H:%M') as hour, SUMS
        from llm_calls where start_time >= $1 and start_time < $2 group by 1 order by 1 desc"""
    whole = """select SUMS, sum(output_tokens)::bigint as made,
            sum(input_tokens + output_tokens)::bigint as total
        from llm_calls where start_time >= $1 and start_time < $2"""
    rows = plain(home, hourly.replace("SUMS", sums))
    (head, *shown) = tables(app)["Tokens over time by kind; the kinds do not overlap"]
    assert head == ["From", *KINDS]
    assert shown == [
        [row["hour"], *(fmt.count(row[name]) if row[name] else fmt.NONE for name in KINDS)]
        for row in rows if any(row[name] for name in KINDS)
    ]  # fmt: skip
    (told,) = plain(home, whole.replace("SUMS", sums))
    assert sum(told[name] for name in KINDS) == told["total"]
    assert (
        f"{fmt.short_count(told['Output, reasoning'])} of {fmt.short_count(told['made'])} output"
        in as_markdown(app)
    )


def test_the_lengths_of_prompts_are_plain_sql(busy: tuple[AppTest, Path]) -> None:
    app, home = busy

    rows = plain(
        home,
        """select steps.power, count(input_tokens) as calls
        from range(6, 14) steps(power) left join llm_calls
            on input_tokens >= pow(2, power) and input_tokens < pow(2, power + 1)
            and start_time >= $1 and start_time < $2 group by 1 order by 1""",
    )
    shown = tables(app)["Number of calls by input tokens, in steps that double"][1:]
    names = ["64", "128", "256", "512", "1k", "2k", "4k", "8k"]
    assert [cells[:2] for cells in shown] == [
        [name, fmt.count(row["calls"])] for name, row in zip(names, rows, strict=True)
    ]


def test_on_whose_word_the_counts_are_is_plain_sql(busy: tuple[AppTest, Path]) -> None:
    app, home = busy

    rows = plain(
        home,
        """select case
            when input_tokens is null then
                case when status = 'error' then 'Failed before an answer' else 'Missing' end
            when usage_source = 'estimated' then 'Estimated by llmtrace'
            when usage_source = 'partial' then 'Reported in part'
            else 'Reported by the provider' end as name, count(*) as calls
        from llm_calls where start_time >= $1 and start_time < $2 group by 1 order by 2 desc, 1""",
    )
    assert len(rows) == 5
    shown = dict(zip(column(app, "Token counts"), column(app, "Calls"), strict=True))
    assert shown == {row["name"]: fmt.count(row["calls"]) for row in rows}


def test_the_breakdown_is_plain_sql(
    busy: tuple[AppTest, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, home = busy
    monkeypatch.setenv("LLMTRACE_HOME", str(home))
    app.segmented_control(key="usage-by").set_value("user").run()

    sql = FIGURES.replace("NAME", "user_id")
    before = {row["name"]: row for row in plain(home, sql, BEFORE)}
    rows = plain(home, sql)
    total = sum(row["tokens"] or 0 for row in rows)
    assert not app.exception
    assert column(app, "User") == [row["name"] or "(none)" for row in rows]
    assert column(app, "Requests")[: len(rows)] == [fmt.count(row["requests"]) for row in rows]
    assert column(app, "Input change") == [
        fmt.change(row["sent_each"] / was["sent_each"] - 1)
        if (was := before.get(row["name"])) and was["sent_each"] and row["sent_each"] else fmt.NONE
        for row in rows
    ]  # fmt: skip
    assert column(app, "Per 1k tokens") == [
        fmt.NONE if row["per_1k"] is None else fmt.money(Decimal(row["per_1k"])) for row in rows
    ]
    shares = dict(zip(column(app, "User"), column(app, "Input"), strict=True))
    assert shares == {row["name"] or "(none)": fmt.short_count(row["sent"]) for row in rows}
    assert fmt.percent((rows[0]["tokens"]) / total) in column(app, "Share")


def test_who_asks_is_plain_sql(busy: tuple[AppTest, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    app, home = busy
    monkeypatch.setenv("LLMTRACE_HOME", str(home))
    app.segmented_control(key="course").set_value("active").run()

    rows = plain(
        home,
        """select strftime(date_trunc('hour', start_time), '%Y-%m-%d %H:%M') as hour,
            count(distinct user_id) as users, count(distinct tenant) as tenants,
            count(distinct session_id) as sessions
        from llm_calls where start_time >= $1 and start_time < $2 group by 1 order by 1 desc""",
    )
    (head, *shown) = tables(app)["Different users, tenants and sessions over time"]
    assert head == ["From", "Users", "Tenants", "Sessions"]
    assert shown == [[row["hour"], *(fmt.count(row[name]) for name in ("users", "tenants",
                                                                       "sessions"))]
                     for row in rows]  # fmt: skip


def test_hostile_calls_that_tell_nothing_are_dashes_and_plain_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [
        call(NOW - minutes(3), request_model=text, user_id=text, feature=text, provider=text,
             input_tokens=None, output_tokens=None, cost_usd=None) for text in HOSTILE
    ])  # fmt: skip

    app = open_page(tmp_path, monkeypatch, "usage")

    assert not app.exception
    assert metrics(app)["Tokens"] == metrics(app)["Per 1k tokens"] == fmt.NONE
    assert "No call in this range tells its tokens" in as_markdown(app)
    assert column(app, "Calls") == [fmt.count(len(HOSTILE))]
    assert not [text for text in HOSTILE if text in as_markdown(app)]
    shown = texts(app) + "".join(str(each.value.to_dict()) for each in app.dataframe)
    assert not {"\u202e", "\u2066", "\x1b"}.intersection(shown)
