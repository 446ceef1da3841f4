"""The Overview's first words: each figure is plain SQL's, and what is not known is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING

import pytest

from dashboards.components.format import money
from llmtrace.clock import SystemClock
from llmtrace.store import DATABASE_FILE, Writer, open_store
from tests.dashboards.opening import as_markdown, open_page, texts
from tests.dashboards.seeding import fill
from tests.dashboards.test_cost import nine_weeks
from tests.dashboards.test_overview import HOSTILE
from tests.store.calls import call, minutes

if TYPE_CHECKING:
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

NOW = datetime(2026, 11, 18, 15, 30, 5, tzinfo=UTC)
"""A Wednesday."""
TODAY = "start_time >= '2026-11-18' and start_time < '2026-11-18 15:30:10'"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)


def opened(home: Path, patch: pytest.MonkeyPatch, **query: str) -> AppTest:
    app = open_page(home, patch, query={"zone": "UTC", **query})
    assert not app.exception
    return app


def fire(home: Path, severity: str) -> None:
    with Writer(home / DATABASE_FILE) as writer:
        writer.transaction(
            lambda transaction: transaction.execute(
                "insert into alert_instances values ('k', 'slow', 'Slow', ?, map {}, null, "
                "'firing', now()::timestamp, now()::timestamp, null, 12, 10, now()::timestamp, "
                "'e', 'slow')",
                [severity],
            )
        )


def test_each_figure_is_plain_sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costly = call(NOW - minutes(50), cost_usd=Decimal(30), user_id="fay", feature="contracts",
                  request_model="o3-pro")  # fmt: skip
    fill(tmp_path, [*nine_weeks(NOW), costly])

    app = opened(tmp_path, monkeypatch)

    ask = open_store(tmp_path).sql
    (row,) = ask(f"""
        select sum(cost_usd) as cost, count(*) filter (where is_unpriced) as unpriced,
            sum(cost_usd) filter (where start_time < '2026-11-18 15:00:00') as whole,
            sum(cost_usd) filter (where user_id = 'fay') / sum(cost_usd) as part
        from llm_calls where {TODAY}
    """).to_pylist()  # noqa: S608  # text of this file
    (before,) = ask(
        "select sum(cost_usd) as cost from llm_calls where start_time >= '2026-11-17' "
        "and start_time < '2026-11-17 15:30:10'"
    ).to_pylist()
    weeks = [
        ask(
            "select coalesce(sum(cost_usd), 0) as cost from llm_calls "
            "where start_time >= $1::timestamp and start_time < $1::timestamp + interval 15 hour",
            [datetime(2026, 11, 18) - timedelta(days=7 * back)],  # noqa: DTZ001  # as stored
        ).to_pylist()[0]["cost"]
        for back in range(1, 9)
    ]
    middle = median(weeks)
    scatter = Decimal("4.4478") * median(abs(week - middle) for week in weeks)
    reach = max(scatter, middle / 5)
    change = round((row["cost"] / before["cost"] - 1) * 100)
    said = texts(app)
    assert (
        f"At least {money(row['cost'])} spent today so far ({row['unpriced']} calls have no "
        in said
    )
    changed = f"{change:+d}%" if change < 1_000 else f"{row['cost'] / before['cost']:,.0f}x"
    assert f"{changed} against yesterday by this time." in said
    band = f"{money(max(middle - reach, Decimal(0)))} to {money(middle + reach)}"
    assert f"By 15:00 it was {money(row['whole'])}; on a Wednesday, {band} is usual." in said
    part = f"({row['part']:.0%})"
    assert (
        f"What costs most: model o3-pro {part}, feature contracts {part}, user fay {part}." in said
    )
    assert "Unusually high" in as_markdown(app)
    assert "see which calls made today expensive" in said


def test_a_critical_alert_comes_first_and_a_filter_narrows_the_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(NOW - minutes(5)), call(NOW - minutes(6), user_id="ann")])
    fire(tmp_path, "critical")

    said = texts(opened(tmp_path, monkeypatch, user="ann"))

    assert "$0.01 spent today so far." in said
    assert "What is usual needs four earlier Wednesdays; 0 are stored." in said
    assert "What costs most: model gpt-5 (100%), user ann (100%)." in said
    assert "Next: an alert fires" in said


def test_what_is_not_known_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [call(NOW - minutes(5), cost_usd=None, user_id=HOSTILE[1])])

    app = opened(tmp_path, monkeypatch)
    elsewhere = opened(tmp_path, monkeypatch, user="nobody")

    assert "No spend is known today so far: 1 call, none with a price." in texts(app)
    assert "Next: give each model a price" in texts(app)
    assert "What costs most" not in texts(app)
    assert "Nothing was called today so far." in texts(elsewhere)
    assert "Next: nothing is urgent" in texts(elsewhere)
