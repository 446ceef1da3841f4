"""Overview: empty, one call, a day of calls, no prices, hostile text, no store."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.components.format import spent
from llmtrace.store import DATABASE_FILE, Writer, open_store
from tests.dashboards.opening import as_markdown, column, metrics, open_page, texts
from tests.dashboards.seeding import busy_day, fill, recently
from tests.store.calls import call, failed

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "![x](http://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "<script>alert(1)</script>",
    ":red[boo] $x^2$ `y`",
    "ab\u202edc\u2066\x1b[31m",
    "=cmd|' /C calc'!A0",
)


def test_an_empty_store_shows_how_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(tmp_path, monkeypatch)

    assert not app.exception
    assert "llmtrace.instrument()" in app.code[0].value
    assert "pip install 'llmtrace-toolkit[all]'" in app.code[0].value
    assert app.subheader[0].value == "Waiting for the first call"


def test_one_call_is_shown_to_the_cent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [call(recently(), cost_usd=Decimal("0.0042"), latency_ms=1_500)])

    app = open_page(tmp_path, monkeypatch)

    assert not app.exception
    shown = metrics(app)
    assert shown["Month to date"] == "$0.0042"
    assert shown["Requests"] == "1"
    assert shown["Error rate"] == "0.0%"
    assert shown["Latency p95"] == "1.50 s"
    assert column(app, "Cost") == ["$0.0042"]


def test_the_figures_are_those_of_plain_sql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, busy_day(datetime.now(UTC)))

    app = open_page(tmp_path, monkeypatch, query={"range": "7d"})

    store = open_store(tmp_path)
    (row,) = store.sql(
        "select count(*) as calls, sum(cost_usd) filter (where is_this_month) as month_cost, "
        "count(*) filter (where is_this_month and is_unpriced) as unpriced from (select *, "
        "start_time >= date_trunc('month', now()::timestamp) as is_this_month from llm_calls)"
    ).to_pylist()
    spenders = store.sql(
        "select user_id, sum(cost_usd) as cost, count(*) filter (where is_unpriced) as unpriced "
        "from llm_calls group by 1 order by 2 desc nulls last, 1 limit 10"
    ).to_pylist()
    assert not app.exception
    assert metrics(app)["Requests"] == f"{row['calls']:,}"
    assert metrics(app)["Month to date"] == spent(row["month_cost"], row["unpriced"])
    assert {each["unpriced"] > 0 for each in spenders} == {True, False}
    assert column(app, "User") == [each["user_id"] or "(none)" for each in spenders]
    assert column(app, "Cost") == [spent(each["cost"], each["unpriced"]) for each in spenders]


def test_a_filter_in_the_url_narrows_every_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(recently(), user_id=name) for name in ("ann", "ann", "bob")])

    app = open_page(tmp_path, monkeypatch, query={"user": "ann"})

    assert metrics(app)["Requests"] == "2"
    assert "User: ann" in texts(app)


def test_unpriced_calls_are_said_and_not_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(recently(), request_model="in-house-7b", cost_usd=None)] * 1)

    app = open_page(tmp_path, monkeypatch)

    assert not app.exception
    assert metrics(app)["Month to date"] == "unpriced"
    assert "No price is known for in-house-7b" in texts(app)
    assert column(app, "Cost") == ["unpriced"]


def test_failed_calls_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [failed(recently()), call(recently())])

    app = open_page(tmp_path, monkeypatch)

    assert metrics(app)["Error rate"] == "50.0%"
    assert column(app, "Error") == ["RateLimitError"]
    assert column(app, "Message") == ["Rate limit reached"]


def test_firing_alerts_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.insert([call(recently())])
        writer.transaction(
            lambda transaction: transaction.execute(
                "insert into alert_instances values ('k', 'budget', 'Daily budget', 'critical', "
                "map {}, null, 'firing', now()::timestamp, now()::timestamp, null, 12, 10, "
                "now()::timestamp, 'e', '$12 of $10 are spent')"
            )
        )

    app = open_page(tmp_path, monkeypatch)

    assert not app.exception
    assert "Daily budget: $12 of $10 are spent" in texts(app)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_never_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    about: dict[str, Any] = {
        "user_id": text,
        "request_model": text,
        "feature": text,
        "provider": text,
    }
    fill(tmp_path, [call(recently(), **about), call(recently(), **about, cost_usd=None),
                    failed(recently(), **about, status_message=text, error_type=text)])  # fmt: skip

    app = open_page(tmp_path, monkeypatch, query={"user": text})

    assert not app.exception
    assert text not in as_markdown(app)
    everything = texts(app) + str(column(app, "User")) + str(column(app, "Message"))
    assert not {"\u202e", "\u2066", "\x1b"}.intersection(everything)


def test_a_store_that_cannot_be_read_is_a_clear_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"this is no database" * 1_000)

    app = open_page(tmp_path, monkeypatch)

    assert not app.exception
    assert app.subheader[0].value == "The store cannot be read"
    assert "it is not a store" in texts(app)


def test_a_store_of_a_newer_version_is_a_clear_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.transaction(
            lambda transaction: transaction.execute(
                "update _meta set value = '9999' where key = 'schema_version'"
            )
        )

    app = open_page(tmp_path, monkeypatch)

    assert not app.exception
    assert "it was written by a newer llmtrace" in texts(app)
