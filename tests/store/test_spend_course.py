"""A day against its weekday, a month and its fan, weekdays by hour: with numbers one can add up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from llmtrace.store.forecast import forecast_month
from llmtrace.store.spend_course import day_course, month_course, weekday_hours

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
"""A Wednesday."""
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
MORNING = NOW.replace(hour=9, minute=0)
WEEK = timedelta(days=7)


def test_a_day_adds_up_by_hour_and_the_future_is_unknown() -> None:
    costs = {MORNING: Decimal(2), MORNING + timedelta(hours=5): Decimal(3)}

    course = day_course(costs, now=NOW, timezone="UTC", first_call_at=LONG_AGO)

    assert [hour.spent for hour in course.hours] == [
        *[Decimal(0)] * 9, *[Decimal(2)] * 5, Decimal(5), *[None] * 9,
    ]  # fmt: skip


def test_a_day_is_held_against_the_same_weekday_up_to_the_same_hour() -> None:
    costs = {MORNING - WEEK * back: Decimal(10) for back in range(1, 9)}
    costs |= {MORNING - WEEK + timedelta(hours=6): Decimal(99)}  # 15:00, later than now
    costs |= {MORNING - timedelta(days=1): Decimal(99)}  # a Tuesday

    dear = day_course(
        {**costs, MORNING: Decimal(13)}, now=NOW, timezone="UTC", first_call_at=LONG_AGO
    )
    usual = day_course(
        {**costs, MORNING: Decimal(12)}, now=NOW, timezone="UTC", first_call_at=LONG_AGO
    )

    assert (dear.usual.low, dear.usual.high, dear.usual.periods) == (8, 12, 8)
    assert (dear.usual.verdict, usual.usual.verdict) == ("high", "usual")
    assert dear.until == 14
    assert (dear.hours[8].low, dear.hours[9].low) == (0, 8)


def test_days_that_are_not_stored_whole_do_not_count() -> None:
    course = day_course({}, now=NOW, timezone="UTC", first_call_at=NOW - WEEK * 3)

    assert course.usual.periods == 2
    assert (course.usual.verdict, course.hours[0].low) == ("unknown", None)


def test_an_hour_that_comes_twice_is_one_and_no_day_is_lost() -> None:
    twice = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 in Berlin, and an hour later again
    costs = {twice: Decimal(1), twice + timedelta(hours=1): Decimal(2)}

    course = day_course(
        costs, now=twice + timedelta(hours=9), timezone="Europe/Berlin", first_call_at=LONG_AGO
    )

    assert course.hours[2].spent == Decimal(3)
    assert weekday_hours(costs, "Europe/Berlin") == {(6, 2): Decimal(3)}


def test_a_month_adds_up_by_day_and_its_fan_ends_at_the_projection() -> None:
    daily = [Decimal(each) for each in (10, 12, 8, 11, 9, 10, 0)]
    costs = {
        datetime(2026, 11, number, tzinfo=UTC): cost for number, cost in enumerate(daily, start=1)
    }
    now = datetime(2026, 11, 8, tzinfo=UTC) - timedelta(seconds=10)
    forecast = forecast_month(sum(daily, Decimal(0)), now=now, first_call_at=LONG_AGO)

    course = month_course(costs, forecast, now=now, timezone="UTC")

    assert course.days[-1] == (date(2026, 11, 7), Decimal(60))
    assert len(course.days) == 7
    first, *_, last = course.fan
    assert (first.low, first.middle, first.high) == (60, 60, 60)
    assert last.day == date(2026, 11, 30)
    assert last.middle == forecast.projected_usd
    # 1.2816 × the standard deviation of the six whole days (√2) × √23 days ahead
    assert last.high - last.middle == Decimal("8.69")
    assert all(point.low >= 60 for point in course.fan)


def test_without_five_whole_days_there_is_no_fan() -> None:
    now = datetime(2026, 11, 5, 12, tzinfo=UTC)
    forecast = forecast_month(Decimal(40), now=now, first_call_at=LONG_AGO)

    course = month_course({}, forecast, now=now, timezone="UTC")

    assert forecast.projected_usd is not None
    assert course.fan == ()


def test_the_last_day_of_a_month_has_a_fan_of_one_point() -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    forecast = forecast_month(Decimal(40), now=now, first_call_at=LONG_AGO)

    course = month_course({}, forecast, now=now, timezone="UTC")

    assert [point.day for point in course.fan] == [date(2026, 11, 30)]
