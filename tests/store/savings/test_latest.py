"""The latest calls of a range: the range is cut where the oldest of them began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.metrics import MetricQuery
from llmtrace.store.savings.latest import of_latest
from tests.store.calls import call, failed

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
ASKED = MetricQuery(
    measures=("requests",), by=("model",), grain="day", start=NOW - timedelta(days=2), end=NOW
)


def test_it_begins_with_the_oldest_of_as_many_as_are_wanted(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as store:
        # given: every second one failed
        store.insert(
            [
                (failed if number % 2 else call)(NOW - timedelta(minutes=number))
                for number in (1, 2, 3, 4, 5)
            ]
        )

        cut = of_latest(store, ASKED, "status = 'error'", limit=2, timeout_s=10)
        whole = of_latest(store, ASKED, "true", limit=50, timeout_s=10)
        empty = of_latest(store, ASKED, "false", limit=50, timeout_s=10)

    assert cut.start == NOW - timedelta(minutes=3)
    assert whole.start == NOW - timedelta(minutes=5)
    assert (empty.start, empty.end) == (ASKED.start, ASKED.end)
    assert (cut.by, cut.grain, cut.end) == ((), None, NOW)
