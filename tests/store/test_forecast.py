"""A month's projection is linear, exact to the cent, and silent when it would be a guess."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from llmtrace.store.forecast import forecast_month, forecast_period

NOV_1 = datetime(2026, 11, 1, tzinfo=UTC)


def test_a_third_of_the_month_projects_to_three_times_the_spend() -> None:
    forecast = forecast_month(Decimal("12.34"), now=NOV_1 + timedelta(days=10))

    assert forecast.projected_usd == Decimal("37.02")
    assert forecast.basis == "linear, from 10.0 days of spend"


def test_the_rate_counts_from_the_first_call_when_that_is_later() -> None:
    # $10 in the last five of fifteen days: $2 a day for the fifteen that are left.
    forecast = forecast_month(
        Decimal(10), now=NOV_1 + timedelta(days=15), first_call_at=NOV_1 + timedelta(days=10)
    )

    assert forecast.projected_usd == Decimal("40.00")


def test_too_little_history_projects_nothing_and_says_why() -> None:
    forecast = forecast_month(Decimal(1), now=NOV_1 + timedelta(hours=30))

    assert forecast.projected_usd is None
    assert "not enough history" in forecast.basis


def test_an_unpriced_month_projects_nothing() -> None:
    forecast = forecast_month(None, now=NOV_1 + timedelta(days=10))

    assert forecast.projected_usd is None
    assert forecast.basis == "no priced call this month"


def test_a_week_and_a_day_have_their_own_beginning_and_patience() -> None:
    monday = datetime(2026, 11, 2, tzinfo=UTC)

    week = forecast_period(Decimal(10), "week", now=monday + timedelta(days=2))
    early = forecast_period(Decimal(10), "day", now=monday + timedelta(hours=5))
    day = forecast_period(Decimal(10), "day", now=monday + timedelta(hours=6))

    assert (week.projected_usd, week.period_start) == (Decimal("35.00"), monday)
    assert early.projected_usd is None
    assert early.basis == "not enough history: needs six hours"
    assert (day.projected_usd, day.period_end) == (Decimal("40.00"), monday + timedelta(days=1))
