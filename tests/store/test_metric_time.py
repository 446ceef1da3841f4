"""Buckets of time begin where people's clocks say, also when those change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import pytest

from llmtrace.errors import QueryError
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.metric_time import Grain, bucket_sql, bucket_starts, period_start

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize(
    "zone", [BERLIN, "UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
)
def test_the_database_puts_each_moment_into_the_bucket_that_python_says(
    zone: str, tmp_path: Path
) -> None:
    # given: both changes of a clock in a year; ragged ends
    start, end = utc(2026, 2, 27, 22, 41, 7), utc(2026, 11, 12, 3, 13)
    moments = [start + timedelta(minutes=67 * number) for number in range(5_000)]
    moments = [moment for moment in moments if moment < end]

    with Writer(tmp_path / DATABASE_FILE) as store:
        for grain in get_args(Grain):
            sql, parameters = bucket_sql(start, end, grain, zone)
            told = store.sql(
                f"select {sql} as bucket from (select unnest(?::timestamp[]) as start_time)",  # noqa: S608  # of ours
                [*parameters, [moment.replace(tzinfo=None) for moment in moments]],
            )
            expected = [period_start(moment, grain, zone) for moment in moments]
            assert told.column("bucket").to_pylist() == [
                moment.replace(tzinfo=None) for moment in expected
            ], grain


def test_the_database_is_told_of_hours_only_where_those_of_the_zone_are_those_of_utc() -> None:
    start, end = utc(2026, 2, 27), utc(2026, 11, 12)

    assert "timezone" not in bucket_sql(start, end, "day", BERLIN)[0]
    assert "timezone" in bucket_sql(start, end, "day", "Asia/Kolkata")[0]
    assert "timezone" in bucket_sql(utc(1960, 1, 1), end, "day", BERLIN)[0]
    assert "timezone" in bucket_sql(utc(1970, 1, 2), end, "week", BERLIN)[0]
