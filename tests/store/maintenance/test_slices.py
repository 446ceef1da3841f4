"""Slices: every row in exactly one, none much longer than asked for."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.maintenance.slices import time_slices
from llmtrace.store.maintenance.workplace import stored_time
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from pathlib import Path


def test_slices_follow_one_another_and_hold_every_row_once(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.insert([call(NOON + timedelta(seconds=20 * number)) for number in range(30)])

        slices = time_slices(writer, "spans", rows=4)

    assert sum(each.rows for each in slices) == 30
    assert max(each.rows for each in slices) <= 6
    assert all(one.end <= other.start for one, other in pairwise(slices))


def test_slices_stay_within_the_bounds_to_the_microsecond(tmp_path: Path) -> None:
    start, end = NOON + timedelta(seconds=20), NOON + timedelta(seconds=40, microseconds=1)
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.insert([call(NOON + timedelta(seconds=20 * number)) for number in range(4)])

        (only,) = time_slices(writer, "spans", start=stored_time(start), end=stored_time(end))

    assert only == (stored_time(start), stored_time(end), 2)


def test_a_table_without_rows_has_no_slices(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        assert time_slices(writer, "spans") == []
