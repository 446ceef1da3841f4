"""Reports by the calendar: due at the right moment, told once, whatever is killed meanwhile."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.alerts.model import Filter, Receiver, RuleBook, ScheduledReport, SecretRef
from llmtrace.alerts.runner import AlertRunner
from llmtrace.alerts.scheduled import CATCH_UP, due_reports
from llmtrace.clock import FixedClock
from llmtrace.errors import QueryError
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.alert_state import list_deliveries
from tests.alerts.building import SLACK_ENV, a_call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.testing.provider.slack import SlackSink

DAY = timedelta(days=1)
SLACK = Receiver(id="slack", type="slack", url=SecretRef(kind="env", name=SLACK_ENV))


def a_report(**fields: Any) -> ScheduledReport:
    known: dict[str, Any] = {
        "id": "daily", "every": "day", "at": time(6), "timezone": "UTC", "by": "model",
        "notify": ("slack",),
    }  # fmt: skip
    return ScheduledReport(**(known | fields))


def march(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


class Bench:
    """A store, a clock and an engine that can be killed and started again."""

    def __init__(self, home: Path, *reports: ScheduledReport) -> None:
        self.home, self.clock = home, FixedClock(march(2, 12))
        # No rules: after a day without ticks each would make up for 1 440 of them.
        self.book = RuleBook(rules=(), receivers={"slack": SLACK}, reports=reports)
        self.writer = Writer(home / DATABASE_FILE, clock=self.clock)
        self.engine = AlertRunner(self.book, home=home, clock=self.clock).engine(self.writer)

    def restart(self, *reports: ScheduledReport) -> None:
        now = self.clock.now()
        self.writer.close()
        self.__init__(self.home, *reports)  # as a new process would
        self.clock.set(now)

    def tick_at(self, moment: datetime) -> None:
        self.clock.set(moment)
        self.engine.tick()

    def told(self) -> list[tuple[str, str]]:
        rows = sorted(list_deliveries(self.writer, limit=100), key=lambda row: row.episode)
        return [(row.episode, row.status) for row in rows]


@contextmanager
def a_bench(home: Path, *reports: ScheduledReport) -> Iterator[Bench]:
    bench = Bench(home, *reports)
    try:
        yield bench
    finally:
        bench.writer.close()


@pytest.fixture
def home(tmp_path: Path, sink: SlackSink, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(SLACK_ENV, sink.url)
    return tmp_path


@pytest.mark.parametrize(
    ("every", "now", "due"),
    [
        ("day", march(3, 6), [march(3, 6)]),
        ("day", march(3, 5, 59), []),
        ("week", march(9, 6), [march(9, 6)]),
        ("week", march(8, 23), []),
        ("month", datetime(2026, 4, 1, 6, tzinfo=UTC), [datetime(2026, 4, 1, 6, tzinfo=UTC)]),
    ],
)
def test_a_report_is_due_once_its_period_is_over(
    every: str, now: datetime, due: list[datetime]
) -> None:
    found = due_reports(a_report(every=every), march(2, 12), now)

    assert [due_at for due_at, _ in found] == due


def test_the_time_of_day_is_that_of_the_file_also_when_the_clock_changes() -> None:
    # Berlin changes on 29 March 2026 at 1:00 UTC.
    report = a_report(timezone="Europe/Berlin", at=time(8, 30))

    found = due_reports(report, march(28, 12), march(30, 12))

    assert [due_at for due_at, _ in found] == [march(29, 6, 30), march(30, 6, 30)]
    assert [span.end - span.start for _, span in found] == [DAY, timedelta(hours=23)]


def test_after_long_downtime_only_the_newest_are_made_up_for() -> None:
    found = due_reports(a_report(), march(2), march(30, 12))

    assert [due_at for due_at, _ in found][-1] == march(30, 6)
    assert len(found) == CATCH_UP


def test_a_new_report_begins_with_the_period_that_is_running(home: Path, sink: SlackSink) -> None:
    with a_bench(home, a_report()) as bench:
        bench.tick_at(march(2, 12))
        bench.tick_at(march(3, 5, 59))

        assert bench.told() == []
    assert sink.messages == []


def test_it_tells_of_the_period_that_is_over_with_the_sums_of_its_calls(
    home: Path, sink: SlackSink
) -> None:
    with a_bench(
        home, a_report(title="Yesterday", filter=(Filter(dimension="model", values=("m",)),))
    ) as bench:
        bench.tick_at(march(2, 12))
        bench.writer.insert(
            [
                a_call(march(2, 0), cost_usd=Decimal("1.25")),
                a_call(march(2, 23, 59), cost_usd=Decimal("0.75")),
                a_call(march(3, 0), cost_usd=Decimal(50)),
                a_call(march(2, 5), request_model="other", cost_usd=Decimal(50)),
            ]
        )

        bench.tick_at(march(3, 6))

        assert bench.told() == [("report:daily:2026-03-02T00:00Z", "sent")]
    (message,) = sink.messages
    assert sink.problems == []
    assert str(message["text"]).startswith("Yesterday: Spent $2.00, ")
    assert "Only calls with model m" in json.dumps(message)


@pytest.mark.parametrize("restart_at", range(4))
def test_restarts_send_nothing_twice_and_lose_nothing(
    home: Path, sink: SlackSink, restart_at: int
) -> None:
    moments = [march(2, 12), march(3, 5, 59), march(3, 6), march(3, 6, 1), march(4, 7)]
    with a_bench(home, a_report()) as bench:
        for number, moment in enumerate(moments):
            bench.tick_at(moment)
            if number == restart_at:
                bench.restart(a_report())

        assert bench.told() == [
            ("report:daily:2026-03-02T00:00Z", "sent"),
            ("report:daily:2026-03-03T00:00Z", "sent"),
        ]
    assert len(sink.messages) == 2


def test_what_was_due_while_nothing_ran_is_made_up_for(home: Path, sink: SlackSink) -> None:
    with a_bench(home, a_report()) as bench:
        bench.tick_at(march(2, 12))

        bench.restart(a_report())
        bench.tick_at(march(5, 7))

        assert [episode for episode, _ in bench.told()] == [
            f"report:daily:2026-03-0{day}T00:00Z" for day in (2, 3, 4)
        ]


def test_a_report_that_was_removed_begins_anew_when_it_comes_back(
    home: Path, sink: SlackSink
) -> None:
    with a_bench(home, a_report()) as bench:
        bench.tick_at(march(2, 12))
        bench.restart()
        bench.restart(a_report())

        bench.tick_at(march(20, 12))

        assert bench.told() == []


def test_a_report_that_cannot_be_made_is_tried_again_in_a_minute(
    home: Path, sink: SlackSink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise QueryError("too slow")

    with a_bench(home, a_report()) as bench:
        bench.tick_at(march(2, 12))
        with monkeypatch.context() as broken:
            broken.setattr("llmtrace.alerts.scheduled.make_report", refuse)
            bench.tick_at(march(3, 6))
        bench.tick_at(march(3, 6, 0) + timedelta(seconds=59))
        waiting = bench.told()
        bench.tick_at(march(3, 6, 1))

        assert (waiting, bench.told()) == ([], [("report:daily:2026-03-02T00:00Z", "sent")])
    assert "report daily could not be made: too slow" in caplog.text


def test_a_message_holds_no_webhook(home: Path, sink: SlackSink) -> None:
    with a_bench(home, a_report()) as bench:
        bench.tick_at(march(2, 12))
        bench.tick_at(march(3, 6))

        (row,) = list_deliveries(bench.writer, limit=9)
    assert sink.url not in row.payload
