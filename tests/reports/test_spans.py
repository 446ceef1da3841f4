"""The time before and the earlier times, on the clock of a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from llmtrace.reports.spans import Calendar, Span, last_whole
from tests.store.calls import NOON

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def utc(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def test_any_range_is_held_against_the_one_before_it() -> None:
    assert Span(start=NOON - 3 * HOUR, end=NOON).before() == (NOON - 6 * HOUR, NOON - 3 * HOUR)


def test_today_is_held_against_yesterday_until_now() -> None:
    today = Span(start=utc(11, 18), end=NOON, calendar="day")

    assert today.before() == (utc(11, 17), NOON - DAY)


@pytest.mark.parametrize("length", [HOUR, DAY, 7 * DAY + timedelta(seconds=1)])
def test_up_to_a_week_is_held_against_the_same_weekdays(length: timedelta) -> None:
    span = Span(start=NOON - length, end=NOON)

    assert span.earlier(2) == [
        (NOON - length - 7 * DAY, NOON - 7 * DAY),
        (NOON - length - 14 * DAY, NOON - 14 * DAY),
    ]


def test_more_than_a_week_is_held_against_ranges_side_by_side() -> None:
    span = Span(start=NOON - 30 * DAY, end=NOON)

    assert span.earlier(2) == [
        (NOON - 60 * DAY, NOON - 30 * DAY),
        (NOON - 90 * DAY, NOON - 60 * DAY),
    ]


def test_months_are_as_long_as_they_are() -> None:
    march = Span(start=utc(3, 1), end=utc(4, 1), calendar="month")

    assert march.before() == (utc(2, 1), utc(3, 1))
    assert march.earlier(3)[2] == (datetime(2025, 12, 1, tzinfo=UTC), utc(1, 1))


def test_the_31st_of_a_month_is_held_against_all_of_a_shorter_one() -> None:
    march = Span(start=utc(3, 1), end=utc(3, 31, 12), calendar="month")

    assert march.before() == (utc(2, 1), utc(3, 1))


def test_a_day_of_25_hours_is_held_against_a_whole_day() -> None:
    # Berlin, 25 October 2026: from 22:00 UTC to 23:00 UTC a day later.
    long_day = last_whole("day", utc(10, 26, 6), "Europe/Berlin")

    assert (long_day.start, long_day.end) == (utc(10, 24, 22), utc(10, 25, 23))
    assert long_day.before() == (utc(10, 23, 22), utc(10, 24, 22))


@pytest.mark.parametrize(
    ("calendar", "start", "end"),
    [
        ("day", utc(11, 17), utc(11, 18)),
        ("week", utc(11, 9), utc(11, 16)),
        ("month", utc(10, 1), utc(11, 1)),
    ],
)
def test_the_last_whole_period_is_over(calendar: Calendar, start: datetime, end: datetime) -> None:
    span = last_whole(calendar, NOON, "UTC")

    assert (span.start, span.end) == (start, end)


def test_a_period_is_over_at_its_last_midnight_not_before() -> None:
    assert last_whole("day", utc(11, 18), "UTC").end == utc(11, 18)
    assert last_whole("day", utc(11, 18) - timedelta(microseconds=1), "UTC").end == utc(11, 17)
