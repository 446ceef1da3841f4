"""What came when and how late, and who did what, is what plain SQL says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.upkeep_queries import ingest_course, latest_audit, stored_totals
from tests.store.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)


class Ticking:
    """A clock that a test sets."""

    moment = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic_ns(self) -> int:
        return 0


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    """Give a store into which ten spans came, one a minute, each a second later after its end."""
    clock = Ticking()
    with Writer(tmp_path_factory.mktemp("home") / DATABASE_FILE, clock=clock) as opened:
        for number in range(10):
            clock.moment = NOW + timedelta(minutes=number)
            began = clock.moment - timedelta(seconds=1 + number)
            opened.insert([call(began, latency_ms=1_000)])
        opened.insert([call(clock.moment + timedelta(hours=1), is_inference=False)])
        yield opened


def plain(writer: Writer, text: str) -> list[dict[str, Any]]:
    return writer.sql(text).to_pylist()


def test_the_course_is_told_by_minute_and_as_a_whole(writer: Writer) -> None:
    whole, minutes = ingest_course(writer, NOW, NOW + timedelta(minutes=9), "minute")

    assert [row["spans"] for row in minutes] == [1] * 9
    assert [row["lag_p50_s"] for row in minutes] == [float(number) for number in range(9)]
    assert (whole["spans"], whole["ahead"]) == (9, 0)
    assert (whole["lag_p50_s"], whole["lag_p95_s"]) == (4.0, 8.0)


def test_spans_of_the_future_have_no_lag_and_are_counted(writer: Writer) -> None:
    whole, (last,) = ingest_course(
        writer, NOW + timedelta(minutes=9), NOW + timedelta(minutes=10), "hour"
    )

    assert (last["spans"], last["ahead"], last["lag_p95_s"]) == (2, 1, 9.0)
    assert whole == last | {"time": None}


def test_a_range_in_which_nothing_came_has_no_lag(writer: Writer) -> None:
    whole, minutes = ingest_course(writer, NOW - timedelta(days=1), NOW, "minute")

    assert (whole["spans"], whole["lag_p50_s"], minutes) == (0, None, [])


def test_totals_are_plain_sql(writer: Writer) -> None:
    (counted,) = plain(
        writer,
        "select (select count(*) from spans) as spans, (select count(*) from llm_calls) as calls,"
        "(select min(start_time) from spans) as first, "
        "(select max(ingested_at) from spans) as late",
    )
    told = stored_totals(writer)

    assert (told["spans"], told["llm_calls"]) == (counted["spans"], counted["calls"]) == (11, 10)
    assert (told["first_span_at"], told["latest_stored_at"]) == (counted["first"], counted["late"])
    assert (told["schema"], told["bodies"]) == (writer.schema, 0)


def test_the_audit_is_told_newest_first_and_by_operation(writer: Writer) -> None:
    for number, operation in enumerate(("forget", "retention", "retention")):
        row = [datetime(2026, 11, 18, number), "ann", operation, None, "{}", str(number)]  # noqa: DTZ001  # as stored
        writer.transaction(
            lambda transaction, row=row: transaction.execute(
                "insert into audit values (?, ?, ?, ?, ?, ?)", row
            )
        )

    assert [row["outcome"] for row in latest_audit(writer)] == ["2", "1", "0"]
    assert [row["outcome"] for row in latest_audit(writer, "retention", limit=1)] == ["2"]
    assert latest_audit(writer, "reprice") == []
