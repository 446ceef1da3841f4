"""Bars of calls over time: what they hold, and which range a brush over them means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.components.volume import brush_of, volume_bars, volume_table
from dashboards.data_traces import Bucket, brushed

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOUR_MS = 3_600_000


def bucket(number: int, calls: int, failed: int) -> Bucket:
    return Bucket(
        start=NOON + number * HOUR,
        end=NOON + (number + 1) * HOUR,
        start_ms=number * HOUR_MS,
        end_ms=(number + 1) * HOUR_MS,
        calls=calls,
        failed=failed,
    )


BUCKETS = [bucket(0, 5, 2), bucket(1, 0, 0), bucket(2, 1, 1)]


def test_failed_calls_are_the_foot_of_each_bar() -> None:
    values = volume_bars(BUCKETS, theme="light")["data"]["values"]

    assert [(each["series"], each["low"], each["high"]) for each in values[:2]] == [
        ("Answered", 2.0, 5.0), ("Failed", 0.0, 2.0),
    ]  # fmt: skip
    assert (values[0]["t"], values[0]["u"]) == (0.0, float(HOUR_MS))
    assert volume_table(BUCKETS) == (
        ("From", "Calls", "Failed"),
        [["1970-01-01 02:00", "1", "1"], ["1970-01-01 01:00", "0", "0"],
         ["1970-01-01 00:00", "5", "2"]],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "hours"),
    [(0.4, 0.6, (0, 1)), (0.9, 1.1, (0, 2)), (1, 1, (1, 2)), (-5, 99, (0, 3)), (3, 4, None)],
)
def test_a_brush_means_the_buckets_that_it_touches(
    first: float, last: float, hours: tuple[int, int] | None
) -> None:
    found = brushed(BUCKETS, first * HOUR_MS, last * HOUR_MS)

    assert found == (hours and (NOON + hours[0] * HOUR, NOON + hours[1] * HOUR))


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"brush": {"t": [5.5, 2]}}, (2, 5.5)),
        ({"brush": {}}, None),
        ({}, None),
        ({"brush": {"t": []}}, None),
    ],
)
def test_a_selection_is_a_brush_or_none(
    selection: dict[str, dict[str, list[float]]], expected: tuple[float, float] | None
) -> None:
    assert brush_of(selection) == expected
