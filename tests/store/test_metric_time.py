"""Buckets of time begin where people's clocks say, also when those change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from llmtrace.errors import QueryError
from llmtrace.store.metric_time import bucket_starts, period_start

BERLIN = "Europe/Berlin"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_days_have_23_and_25_hours_when_the_clock_changes() -> None:
    spring = bucket_starts(utc(2026, 3, 28, 23), utc(2026, 3, 30), "day", BERLIN)
    autumn = bucket_starts(utc(2026, 10, 24, 22), utc(2026, 10, 26), "day", BERLIN)

    assert spring[1] - spring[0] == timedelta(hours=23)
    assert autumn[1] - autumn[0] == timedelta(hours=25)


def test_a_week_begins_on_monday_and_a_month_on_its_first() -> None:
    moment = utc(2026, 11, 18, 12)

    assert period_start(moment, "week", "UTC") == utc(2026, 11, 16)
    assert period_start(moment, "month", BERLIN) == utc(2026, 10, 31, 23)


def test_months_follow_one_another_whatever_their_length() -> None:
    starts = bucket_starts(utc(2026, 1, 31), utc(2026, 4, 2), "month", "UTC")

    assert starts == [utc(2026, 1, 1), utc(2026, 2, 1), utc(2026, 3, 1), utc(2026, 4, 1)]


def test_hours_of_a_half_hour_zone_begin_at_half_past() -> None:
    starts = bucket_starts(utc(2026, 1, 1, 0, 10), utc(2026, 1, 1, 1, 0), "hour", "Asia/Kolkata")

    assert starts == [utc(2025, 12, 31, 23, 30), utc(2026, 1, 1, 0, 30)]


def test_an_unknown_zone_is_refused_with_an_example() -> None:
    with pytest.raises(QueryError, match="write an IANA name"):
        period_start(utc(2026, 1, 1), "day", "../../etc/passwd")
