"""Budgets: each figure is plain SQL's, to the cent; how they stand is said in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from dashboards import data, data_budgets
from dashboards.address import Choice
from dashboards.components import format as fmt
from dashboards.components.budget_charts import progress_bar
from llmtrace.alerts.model import Budget
from llmtrace.alerts.record import record_of
from llmtrace.alerts.rules import read_rules
from llmtrace.clock import SystemClock
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.alert_state import AlertStateStore
from llmtrace.store.forecast import forecast_period
from tests.dashboards.alerting import HOSTILE_USER, NOW, RULES, held_open, stormy_day
from tests.dashboards.opening import as_markdown, metrics, open_page, texts
from tests.store.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

BERLIN = ZoneInfo("Europe/Berlin")
END = datetime(2026, 11, 18, 15, 30, 10, tzinfo=UTC)
NO_BUDGET = """
version: 1
rules: [{id: a, severity: info, when: {metric: cost, window: 1h, op: ">", value: 5}}]
"""
SPENT = """
    select sum(cost_usd) as spent, count(*) as requests from llm_calls
    where start_time >= $1 and start_time < $2 and ($3 is null or user_id = $3)
"""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)


def fill(home: Path, rules: str | None, rows: list[Any]) -> None:
    """Store calls and, as a collector does when it starts, the rules."""
    with Writer(home / DATABASE_FILE) as writer:
        writer.insert(rows)
        if rules is not None:
            record = record_of(read_rules({"rules.yaml": rules}))
            AlertStateStore(writer).keep_rules(record, now=NOW)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppTest, Writer]]:
    home = tmp_path_factory.mktemp("budgets")
    fill(home, RULES, stormy_day())
    with pytest.MonkeyPatch.context() as patch, held_open(home) as store:
        patch.setattr(SystemClock, "now", lambda _self: NOW)
        app = open_page(home, patch, "budgets", query={"budget": "per-user"})
        assert not app.exception
        yield app, store


def spent(store: Writer, start: datetime, end: datetime, user: str | None = None) -> dict[str, Any]:
    (row,) = store.sql(SPENT, [start, end, user]).to_pylist()
    return row


def table(app: AppTest, name: str) -> list[dict[str, Any]]:
    for each in app.dataframe:
        if name in each.value.columns:
            return [
                {str(key): value for key, value in row.items()}
                for row in each.value.to_dict("records")
            ]
    raise AssertionError(f"no table has a column {name}")


def midnight(*date: int) -> datetime:
    return datetime(*date, tzinfo=BERLIN)


def test_each_budgets_spend_is_plain_sql_of_its_own_period(busy: tuple[AppTest, Writer]) -> None:
    app, store = busy

    assert metrics(app) == {
        "Spent today": fmt.money(spent(store, midnight(2026, 11, 18), END)["spent"]),
        "Spent this month": fmt.money(spent(store, midnight(2026, 11, 1), END)["spent"]),
        "Spent this week": fmt.money(spent(store, midnight(2026, 11, 16), END, "ann")["spent"]),
    }
    deltas = {card.label: card.delta for card in app.metric}
    used = spent(store, midnight(2026, 11, 1), END)["spent"] / 100
    assert deltas["Spent this month"] == f"of $100.00, {float(used):.0%} used"


def test_each_user_of_a_budget_of_their_own_is_plain_sql(busy: tuple[AppTest, Writer]) -> None:
    app, store = busy

    start = midnight(2026, 11, 16)
    elapsed, whole = END - start, timedelta(days=7)
    expected: list[dict[str, Any]] = []
    for user, state in (("ann", "Over budget"), ("bob", "Heading over"), ("cyd", "Heading over"),
                        (HOSTILE_USER, "Within budget")):  # fmt: skip
        row = spent(store, start, END, user)
        expected.append(
            {
                "User": fmt.one_line(user, 60),
                "State": state,
                "Spent": fmt.money(row["spent"]),
                "Used": f"{float(row['spent']) / 2:.0%}",
                "Forecast": fmt.money(
                    (row["spent"] * Decimal(whole / elapsed)).quantize(Decimal("0.01"))
                ),
                "Requests": f"{row['requests']:,}",
            }
        )
    assert table(app, "Forecast") == expected


def test_earlier_periods_are_plain_sql_to_the_cent(busy: tuple[AppTest, Writer]) -> None:
    app, store = busy

    mondays = [midnight(2026, 11, 16) - timedelta(weeks=back) for back in range(1, 9)]
    rows = table(app, "Ended")
    assert [row["Period"] for row in rows] == [f"{monday:%a %d %b}" for monday in mondays]
    for row, monday in zip(rows, mondays, strict=True):
        amount = spent(store, monday, monday + timedelta(weeks=1), "ann")["spent"]
        assert row["Spent"] == fmt.money(amount)
        assert row["Ended"] == f"Over by {fmt.money(amount - 2)}"


def test_how_budgets_stand_is_said_in_words_and_when_they_end(busy: tuple[AppTest, Writer]) -> None:
    app, _ = busy

    said = texts(app)
    assert "2 budgets over, 3 heading over" in said
    assert "12.3 days left" in said
    assert "7.5 hours left" in said
    assert "alerts at 80 % (rule daily-budget)" in as_markdown(app).lower()
    assert ":red-badge[Over budget]" in as_markdown(app)
    assert HOSTILE_USER not in as_markdown(app)


def test_without_prices_nothing_is_called_within_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, RULES, [call(NOW - timedelta(minutes=5), cost_usd=None, user_id="ann")])

    app = open_page(tmp_path, monkeypatch, "budgets")

    assert not app.exception
    assert set(metrics(app).values()) == {"unpriced"}
    assert "[No price known]" in as_markdown(app)
    assert "1 call without a price not counted" in as_markdown(app)
    assert "No period has ended since the first stored call" in as_markdown(app)


def test_without_budgets_the_page_says_how_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, NO_BUDGET, [call(NOW - timedelta(minutes=5))])

    app = open_page(tmp_path, monkeypatch, "budgets")

    assert not app.exception
    assert "The rule file has no budget" in [each.value for each in app.subheader]
    assert "llmtrace collector --rules my-rules.yaml" in str([each.value for each in app.code])


def test_the_month_of_the_cost_page_has_the_budget_of_its_very_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, RULES, [call(NOW - timedelta(minutes=5))])

    app = open_page(tmp_path, monkeypatch, "cost")
    of_berlin = data.view(Choice(zone="Europe/Berlin"), None)
    of_ann = data.view(Choice(filters={"user": ("ann",)}), "UTC")

    assert "Budget monthly (Europe/Berlin): \\$100.00." in as_markdown(app)
    assert data_budgets.month_budgets(of_berlin) == [("monthly", Decimal(100))]
    assert data_budgets.month_budgets(of_ann) == []


def test_a_bar_is_full_at_the_budget_and_its_name_is_text() -> None:
    bar = progress_bar(5.35, None, "red", name='<b>"')

    assert 'aria-valuenow="100"' in bar
    assert "width:100.0%" in bar
    assert "&lt;b&gt;&quot;" in bar
    assert "nan" not in progress_bar(None, 0.5, "gray", name="x")


@pytest.mark.parametrize(
    ("amount", "hours", "state"),
    [("10", 1, "over"), ("9.999999999999", 1, "near"), ("7.999999999999", 1, "within"),
     ("5", 12, "heading"), ("4.99", 12, "within"), (None, 12, "unpriced")],
)  # fmt: skip
def test_a_budget_is_over_at_exactly_its_amount_and_heads_there_by_its_forecast(
    amount: str | None, hours: int, state: str
) -> None:
    budget = Budget(id="b", period="day", amount_usd=Decimal(10), timezone="UTC")
    now = datetime(2026, 11, 18, hours, tzinfo=UTC)
    cost = None if amount is None else Decimal(amount)

    line = data_budgets.Line(
        budget=budget, labels=(), spent=cost, requests=1, unpriced=0, used=None,
        forecast=forecast_period(cost, "day", now=now), left=timedelta(hours=24 - hours),
    )  # fmt: skip

    assert line.state == state
