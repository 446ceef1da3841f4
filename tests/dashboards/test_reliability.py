"""Latency & reliability: each number is plain SQL's; the calls behind it are listed."""

from __future__ import annotations

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
"""The page's clock; figures end at the next ten seconds."""
END = datetime(2026, 11, 18, 15, 30, 10, tzinfo=UTC)
RANGE = [END - timedelta(days=1), END]
BEFORE = [RANGE[0] - timedelta(days=1), RANGE[0]]
FIGURES = """
    select NAME as name, count(*) as requests,
        quantile_disc(latency_ms, 0.5) as p50, quantile_disc(latency_ms, 0.95) as p95,
        quantile_disc(latency_ms, 0.99) as p99, quantile_disc(ttfc_ms, 0.95) as ttfc,
        sum(output_tokens) * 1000
            / sum(latency_ms) filter (where output_tokens is not null) as speed,
        count(*) filter (where is_error) / count(*) as error_rate,
        count(*) filter (where http_status = 429) as limited,
        min(rate_limit_remaining_requests / rate_limit_limit_requests) as headroom,
        sum(retry_count)::bigint as retries
    from llm_calls where start_time >= $1 and start_time < $2
    group by 1 order by requests desc, name
"""


PARTS = """
    select NAME as name, count(*)::varchar as calls from llm_calls
    where WHICH and start_time >= $1 and start_time < $2 group by 1 order by count(*) desc, 1
"""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)


def two_days() -> list[SpanRow]:
    """Return calls of two days, so that there is something to compare with."""
    models = (("openai", "gpt-5"), ("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5-mini"))
    rows: list[SpanRow] = []
    for number in range(260):
        provider, model = models[number * 7 % 3]
        about: dict[str, Any] = {
            "provider": provider, "request_model": model,
            "feature": ("support", "search")[number % 2],
            "retry_count": (0, 0, 0, 1, None)[number % 5],
            "latency_ms": 300 + number * 37 % 2_400,
        }  # fmt: skip
        at = NOW - minutes(number * 11 % 2_870)
        rows.append(
            call(at, **about, output_tokens=100 + number % 50,
                 ttfc_ns=(100 + number * 13 % 700) * 1_000_000 if number % 3 else None,
                 finish_reasons=["length" if number % 17 == 0 else "stop"],
                 rate_limit_limit_requests=500, rate_limit_remaining_requests=500 - number)
        )  # fmt: skip
        if number % 13 == 0:
            rows.append(failed(at, **about))
        if number % 29 == 0:
            rows.append(failed(at, **about, error_type="APITimeoutError", http_status=504,
                               input_tokens=10, cost_usd=Decimal("0.002")))  # fmt: skip
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
        app = open_page(home, patch, "reliability")
        assert not app.exception
        yield app, home


def test_one_call_is_shown_and_what_it_does_not_tell_is_a_dash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(NOW - minutes(3), latency_ms=1_500)])

    app = open_page(tmp_path, monkeypatch, "reliability")

    assert not app.exception
    assert metrics(app) == {
        "Latency p95": "1.50 s",
        "First chunk p95": fmt.NONE,
        "Output speed": "13.3 tok/s",
        "Error rate": "0.0%",
        "Rate-limit hits": "0",
        "Retries": fmt.NONE,
    }
    assert column(app, "Headroom") == [fmt.NONE]


def test_what_writes_nothing_has_no_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [call(NOW - minutes(3), latency_ms=20, operation="embeddings", output_tokens=0)])

    app = open_page(tmp_path, monkeypatch, "reliability")

    assert metrics(app)["Output speed"] == fmt.NONE
    assert column(app, "Speed") == [fmt.NONE]


def test_calls_outside_the_range_are_said_to_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(NOW - timedelta(days=20))])

    app = open_page(tmp_path, monkeypatch, "reliability")

    assert not app.exception
    assert "No call in this range" in app.info[0].value


def test_every_card_is_plain_sql(busy: tuple[AppTest, Path]) -> None:
    app, home = busy

    (now,) = plain(home, FIGURES.replace("NAME", "'all'"))
    (before,) = plain(home, FIGURES.replace("NAME", "'all'"), BEFORE)
    assert metrics(app) == {
        "Latency p95": fmt.duration(now["p95"]),
        "First chunk p95": fmt.duration(now["ttfc"]),
        "Output speed": f"{now['speed']:,.1f} tok/s",
        "Error rate": fmt.percent(now["error_rate"]),
        "Rate-limit hits": str(now["limited"]),
        "Retries": str(now["retries"]),
    }
    deltas = {card.label: card.delta for card in app.metric}
    assert deltas["Latency p95"] == fmt.change(now["p95"] / before["p95"] - 1)
    assert deltas["Error rate"] == fmt.points(now["error_rate"] - before["error_rate"])
    assert deltas["Rate-limit hits"] == fmt.change(now["limited"] / before["limited"] - 1)
    assert f"Least left of a rate limit: {now['headroom']:.0%}" in as_markdown(app)


def test_the_comparison_is_plain_sql(busy: tuple[AppTest, Path]) -> None:
    app, home = busy

    sql = FIGURES.replace("NAME", "model")
    before = {row["name"]: row for row in plain(home, sql, BEFORE)}
    assert table(app, "p95 change") == [
        {
            "Model": row["name"],
            "Requests": fmt.count(row["requests"]),
            "p50": fmt.duration(row["p50"]),
            "p95": fmt.duration(row["p95"]),
            "p95 change": fmt.change(row["p95"] / before[row["name"]]["p95"] - 1),
            "p99": fmt.duration(row["p99"]),
            "First chunk p95": fmt.duration(row["ttfc"]),
            "Speed": f"{row['speed']:,.1f} tok/s",
            "Errors": fmt.percent(row["error_rate"]),
            "Errors change": fmt.points(row["error_rate"] - before[row["name"]]["error_rate"]),
            "Rate limited": fmt.count(row["limited"]),
            "Headroom": fmt.percent(row["headroom"], 0),
            "Retries": fmt.count(row["retries"]),
        }
        for row in plain(home, sql)
    ]


@pytest.mark.parametrize(
    ("title", "name", "which"),
    [("Error", "error_type", "is_error"), ("Reason", "finish_reasons[1]", "true")],
)
def test_errors_and_reasons_are_plain_sql(
    busy: tuple[AppTest, Path], title: str, name: str, which: str
) -> None:
    app, home = busy

    sql = PARTS.replace("NAME", name).replace("WHICH", which)
    assert [(row[title], row["Calls"]) for row in table(app, title, first=True)] == [
        (row["name"] or "(none)", row["calls"]) for row in plain(home, sql)
    ]


def test_what_retries_and_failures_cost_is_plain_sql(busy: tuple[AppTest, Path]) -> None:
    app, home = busy

    retried = plain(
        home,
        """select case when retry_count > 0 then 'Retried' when retry_count = 0 then
            'First attempt' else 'Not told' end as calls, count(*)::varchar as number,
            quantile_disc(latency_ms, 0.95) as p95, sum(cost_usd) as cost
        from llm_calls where start_time >= $1 and start_time < $2 group by 1 order by 1""",
    )
    shown = sorted(table(app, "Number"), key=lambda row: row["Calls"])
    assert [(row["Calls"], row["Number"], row["p95"], row["Cost"]) for row in shown] == [
        (row["calls"], row["number"], fmt.duration(row["p95"]), fmt.money(row["cost"]))
        for row in retried
    ]
    (spent,) = plain(home, "select sum(cost_usd) as cost from errors "
                     "where start_time >= $1 and start_time < $2")  # fmt: skip
    assert f"Spent on calls that failed in the end: {fmt.money(spent['cost'])}" in texts(app)


def test_what_failed_without_a_price_makes_the_sum_a_lower_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [
        failed(NOW - minutes(2), input_tokens=9, cost_source="unpriced"),  # a stream that broke
        failed(NOW - minutes(2), input_tokens=9, cost_usd=Decimal("0.5")),
    ])  # fmt: skip

    app = open_page(tmp_path, monkeypatch, "reliability")

    assert "Spent on calls that failed in the end: ≥ $0.50" in texts(app)


def test_the_slowest_calls_are_listed_first(busy: tuple[AppTest, Path]) -> None:
    app, home = busy

    rows = plain(home, "select latency_ms from llm_calls where start_time >= $1 "
                 "and start_time < $2 order by latency_ms desc limit 10")  # fmt: skip
    assert column(app, "Latency") == [fmt.duration(row["latency_ms"]) for row in rows]


def table(app: AppTest, name: str, *, first: bool = False) -> list[dict[str, Any]]:
    """Return the rows of the table that has a column, or has it as its first."""
    for each in app.dataframe:
        if name in (each.value.columns[:1] if first else each.value.columns):
            records = each.value.to_dict("records")
            return [{str(key): value for key, value in row.items()} for row in records]
    raise AssertionError(f"no table has a column {name}")


def test_charts_can_be_read_as_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, two_days())

    app = open_page(tmp_path, monkeypatch, "reliability", {"tables": "true", "range": "7d"})

    (row,) = plain(
        tmp_path,
        "select quantile_disc(latency_ms, 0.95) as p95 from llm_calls "
        "where start_time >= $1 and start_time < $2",
        [NOW.replace(minute=0, second=0), NOW.replace(hour=16, minute=0, second=0)],
    )
    shown = "".join(str(element.proto.body) for element in app.get("html"))
    assert "2026-11-18 15:00</th><td>" in shown
    assert f"<td>{fmt.duration(row['p95'])}</td>" in shown
    assert "Failed calls over time, by type of error" in shown


def test_without_a_comparison_no_change_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, two_days())

    app = open_page(tmp_path, monkeypatch, "reliability", {"compare": "false"})

    assert {card.delta for card in app.metric} == {""}
    assert not any("Change" in each.value.columns for each in app.dataframe)


def test_hostile_text_is_never_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[SpanRow] = []
    for text in HOSTILE:
        about: dict[str, Any] = {"request_model": text, "feature": text, "provider": text}
        rows.append(call(NOW - minutes(3), **about, finish_reasons=[text]))
        rows.append(failed(NOW - minutes(2), **about, error_type=text, status_message=text))
    fill(tmp_path, rows)

    app = open_page(tmp_path, monkeypatch, "reliability")

    assert not app.exception
    for text in HOSTILE:
        assert text not in as_markdown(app)
    everything = texts(app) + "".join(str(each.value.to_dict()) for each in app.dataframe)
    assert not {"\u202e", "\u2066", "\x1b"}.intersection(everything)
