"""Time: exact conversions, a clock that moves when told, one that never goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.clock import FixedClock, SystemClock, from_unix_ns, unix_ns

MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(9999, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    timezones=st.just(UTC),
)


@given(MOMENTS)
def test_a_moment_survives_the_way_to_nanoseconds_and_back(moment: datetime) -> None:
    assert from_unix_ns(unix_ns(moment)) == moment


def test_nanoseconds_are_exact_where_a_float_would_not_be() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 123_457, tzinfo=UTC)

    assert unix_ns(moment) == 1_772_366_400_123_457_000


def test_a_zone_is_taken_into_account() -> None:
    from zoneinfo import ZoneInfo

    berlin = datetime(2026, 7, 1, 2, tzinfo=ZoneInfo("Europe/Berlin"))

    assert unix_ns(berlin) == unix_ns(datetime(2026, 7, 1, 0, tzinfo=UTC))


def test_rest_nanoseconds_are_cut_off() -> None:
    assert from_unix_ns(1_999) == datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)


def test_a_moment_beyond_the_year_9999_is_an_error() -> None:
    with pytest.raises((OverflowError, ValueError)):
        from_unix_ns(2**63 * 1_000)


def test_a_fixed_clock_stands_still_until_it_is_set() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    clock = FixedClock(start)
    assert (clock.now(), clock.now(), clock.monotonic_ns()) == (start, start, 0)

    clock.set(start + timedelta(seconds=90))

    assert clock.now() == start + timedelta(seconds=90)
    assert clock.monotonic_ns() == 90_000_000_000


def test_the_systems_clock_is_aware_and_its_monotonic_one_never_goes_back() -> None:
    clock = SystemClock()

    readings = [clock.monotonic_ns() for _ in range(100)]

    assert clock.now().utcoffset() == timedelta(0)
    assert readings == sorted(readings)
