"""Ticks and windows: the grid, downtime, days of 23 and 25 hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from llmtrace.alerts.grid import due_ticks, last_tick_at, period_of, window_of
from llmtrace.alerts.model import Budget
from tests.alerts.building import MINUTE, START, a_budget_rule, a_rule


def a_budget(period: str, timezone: str = "Europe/Berlin") -> Budget:
    return Budget(id="b", period=period, amount_usd=Decimal(1), timezone=timezone)  # pyright: ignore[reportArgumentType]  # parametrized literal


def test_ticks_lie_on_multiples_of_every_whenever_the_engine_starts() -> None:
    moment = START + timedelta(minutes=3, seconds=17)

    assert last_tick_at(moment, 5 * MINUTE) == START


def test_a_tick_is_due_only_after_its_delay() -> None:
    rule = a_rule(delay=timedelta(seconds=30))

    assert due_ticks(rule, START, START + timedelta(seconds=89), limit=9) == []
    assert due_ticks(rule, START, START + timedelta(seconds=90), limit=9) == [START + MINUTE]


def test_a_new_rule_begins_with_the_newest_tick() -> None:
    assert due_ticks(a_rule(), None, START + timedelta(seconds=61), limit=9) == [START + MINUTE]


def test_missed_ticks_are_made_up_for_oldest_first_some_at_a_time() -> None:
    ticks = due_ticks(a_rule(), START, START + 10 * MINUTE, limit=3)

    assert ticks == [START + MINUTE, START + 2 * MINUTE, START + 3 * MINUTE]


def test_ticks_older_than_a_day_are_skipped() -> None:
    now = START + timedelta(days=9)

    ticks = due_ticks(a_rule(), START, now, limit=10_000)

    assert ticks[0] == now - timedelta(days=1) + MINUTE
    assert len(ticks) == 24 * 60


def test_a_changed_grid_goes_on_after_the_last_tick() -> None:
    rule = a_rule(every=5 * MINUTE)

    ticks = due_ticks(rule, START + 3 * MINUTE, START + 10 * MINUTE, limit=9)

    assert ticks == [START + 5 * MINUTE, START + 10 * MINUTE]


def test_a_sliding_window_ends_at_its_tick() -> None:
    window = window_of(a_rule(), START)

    assert (window.start, window.end) == (START - 5 * MINUTE, START)


def test_a_budgets_window_is_its_period_so_far() -> None:
    window = window_of(a_budget_rule(), START)

    assert (window.start, window.end) == (START.replace(hour=0), START)
    assert window.period == "2026-03-02"


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)]
)
def test_a_day_has_the_hours_that_its_timezone_gives_it(day: str, hours: int) -> None:
    # given the tick at which the next day begins in Berlin
    year, month, date = (int(part) for part in day.split("-"))
    noon = datetime(year, month, date, 12, tzinfo=UTC)
    start = period_of(a_budget("day"), noon).start

    full = period_of(a_budget("day"), start + timedelta(hours=hours))
    after = period_of(a_budget("day"), start + timedelta(hours=hours, minutes=1))

    assert (full.period, full.start) == (day, start)
    assert full.end - full.start == timedelta(hours=hours)
    assert after.period != day


@pytest.mark.parametrize(
    ("period", "expected"),
    [("day", "2026-03-04"), ("week", "2026-03-02"), ("month", "2026-03-01")],
)
def test_periods_begin_at_midnight_of_the_day_monday_or_first(period: str, expected: str) -> None:
    window = period_of(a_budget(period), datetime(2026, 3, 4, 12, tzinfo=UTC))

    assert window.period == expected
    assert window.start.hour == 23  # midnight in Berlin in winter


def test_the_tick_at_midnight_sees_the_whole_day_that_ends() -> None:
    midnight = datetime(2026, 3, 3, tzinfo=UTC)

    window = period_of(a_budget("day", "UTC"), midnight)

    assert (window.period, window.end - window.start) == ("2026-03-02", timedelta(days=1))


def test_a_day_whose_midnight_does_not_exist_begins_when_the_clocks_jump() -> None:
    # Cairo went from 00:00 to 01:00 on 2024-04-26.
    window = period_of(a_budget("day", "Africa/Cairo"), datetime(2024, 4, 26, 12, tzinfo=UTC))

    assert window.start == datetime(2024, 4, 25, 22, tzinfo=UTC)
