"""The whole engine over a real store and a real (local) Slack, on a clock that is set by hand."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.alerts.model import Receiver, RuleBook, SecretRef, Threshold
from llmtrace.alerts.record import book_of
from llmtrace.alerts.rules import read_rules
from llmtrace.alerts.runner import AlertRunner
from llmtrace.clock import FixedClock
from llmtrace.errors import StoreUnreachableError
from llmtrace.store import Writer
from llmtrace.store.alert_state import list_alerts, list_deliveries, list_history
from llmtrace.store.queries import alert_rules
from llmtrace.testing.provider.script import Reply
from tests.alerts.building import (
    MINUTE,
    SLACK_ENV,
    START,
    a_budget_rule,
    a_call,
    a_failed_call,
    a_rule,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.alerts.engine import AlertEngine
    from llmtrace.alerts.model import AlertRule
    from llmtrace.testing.provider.slack import SlackSink

SLACK = Receiver(id="slack", type="slack", url=SecretRef(kind="env", name=SLACK_ENV))


class Bench:
    """A store, a clock and an engine that can be killed and started again."""

    def __init__(self, home: Path, *rules: AlertRule, slack: Receiver = SLACK) -> None:
        self.home = home
        self.clock = FixedClock(START)
        self.receivers = {"slack": slack}
        self.book = self.book_of(*rules)
        self.writer = Writer(home / "llmtrace.duckdb", clock=self.clock)
        self.engine = self.new_engine()

    def book_of(self, *rules: AlertRule) -> RuleBook:
        return RuleBook(
            rules=tuple(replace(rule, notify=("slack",)) for rule in rules),
            receivers=self.receivers,
        )

    def new_engine(self) -> AlertEngine:
        return AlertRunner(self.book, home=self.home, clock=self.clock).engine(self.writer)

    def restart(self, *rules: AlertRule) -> None:
        """Kill the engine and the store's owner; start both from what is on disk."""
        if rules:
            self.book = self.book_of(*rules)
        self.writer.close()
        self.writer = Writer(self.home / "llmtrace.duckdb", clock=self.clock)
        self.engine = self.new_engine()

    def fail(self, minute: float, count: int = 30, **fields: Any) -> None:
        at = START + minute * MINUTE - timedelta(seconds=30)
        self.writer.insert([a_failed_call(at, **fields) for _ in range(count)])

    def succeed(self, minute: float, count: int = 30, **fields: Any) -> None:
        at = START + minute * MINUTE - timedelta(seconds=30)
        self.writer.insert([a_call(at, **fields) for _ in range(count)])

    def tick_at(self, minute: float) -> None:
        self.clock.set(START + minute * MINUTE)
        self.engine.tick()

    def tick_through(self, first: int, last: int) -> None:
        for minute in range(first, last + 1):
            self.tick_at(minute)

    def states(self) -> list[tuple[str, str]]:
        return [(alert.rule_id, alert.state) for alert in list_alerts(self.writer)]

    def changes(self) -> list[str]:
        return [row.kind for row in reversed(list_history(self.writer, limit=100))]

    def deliveries(self) -> list[tuple[str, str]]:
        rows = sorted(list_deliveries(self.writer, limit=100), key=lambda row: row.created_at)
        return [(row.kind, row.status) for row in rows]


@pytest.fixture
def home(tmp_path: Path, sink: SlackSink, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(SLACK_ENV, sink.url)
    return tmp_path


@contextmanager
def a_bench(home: Path, *rules: AlertRule, slack: Receiver = SLACK) -> Iterator[Bench]:
    bench = Bench(home, *rules, slack=slack)
    try:
        yield bench
    finally:
        bench.writer.close()


def told(sink: SlackSink) -> list[str]:
    return [str(message["text"]) for message in sink.messages]


def test_errors_go_from_pending_to_firing_to_resolved_and_slack_hears_of_it_twice(
    home: Path, sink: SlackSink
) -> None:
    with a_bench(home, a_rule(hold=2 * MINUTE, keep_firing_for=2 * MINUTE)) as bench:
        bench.fail(0)
        bench.succeed(5, count=300)

        bench.tick_through(0, 12)

        assert bench.changes() == ["pending", "firing", "resolved"]
        assert bench.deliveries() == [("firing", "sent"), ("resolved", "sent")]
    assert told(sink) == [
        "[CRITICAL] Error rate 100 % (&gt; 5 %) over 5 min",
        "[RESOLVED] Error rate 0 % (&gt; 5 %) over 5 min",
    ]
    assert sink.problems == []


def test_the_message_says_how_many_failed_and_of_what(home: Path, sink: SlackSink) -> None:
    with a_bench(home, a_rule(by=("provider",))) as bench:
        bench.fail(0, count=3)
        bench.fail(0, count=1, error_type="timeout")
        bench.succeed(0, count=6)
        bench.fail(0, count=0, provider="anthropic")

        bench.tick_at(0)

    text = str(sink.messages[0])
    assert "*Value*\\n40 %" in text
    assert "*Provider*\\n`openai`" in text
    assert "*Errors*\\n`4 of 10`" in text
    assert "*Top error*\\n`rate_limit (3)`" in text


@pytest.mark.parametrize("restart_after", range(9))
def test_a_restart_after_any_tick_changes_neither_history_nor_messages(
    home: Path, sink: SlackSink, restart_after: int
) -> None:
    with a_bench(home, a_rule(hold=2 * MINUTE, keep_firing_for=MINUTE)) as bench:
        bench.fail(0)
        bench.succeed(5, count=900)

        for minute in range(9):
            bench.tick_at(minute)
            if minute == restart_after:
                bench.restart()

        rows = list_history(bench.writer, limit=9)
        assert [(row.kind, int((row.tick - START) / MINUTE)) for row in reversed(rows)] == [
            ("pending", 0),
            ("firing", 2),
            ("resolved", 6),
        ]
    assert len(sink.messages) == 2


def test_what_fired_while_the_engine_was_down_is_found_out_afterwards(
    home: Path, sink: SlackSink
) -> None:
    with a_bench(home, a_rule()) as bench:
        bench.succeed(0)
        bench.tick_at(0)
        bench.fail(60)

        bench.restart()
        bench.tick_at(62)

        assert bench.states() == [("errors", "firing")]
        assert list_alerts(bench.writer)[0].since == START + 60 * MINUTE
    assert len(sink.messages) == 1


def test_what_fired_and_calmed_down_while_the_engine_was_down_is_told_once_as_resolved(
    home: Path, sink: SlackSink
) -> None:
    with a_bench(home, a_rule()) as bench:
        bench.succeed(0)
        bench.tick_at(0)
        bench.fail(60)

        bench.restart()
        bench.tick_at(300)

        history = list_history(bench.writer, limit=9)
        assert [(row.kind, row.is_late) for row in reversed(history)] == [
            ("firing", True),
            ("resolved", True),
        ]
    assert [text.split()[0] for text in told(sink)] == ["[RESOLVED]"]
    assert "*Fired*\\n2026-03-02 13:00 UTC" in str(sink.messages[0])


def test_a_budget_is_told_once_per_period_and_again_in_the_next(
    home: Path, sink: SlackSink
) -> None:
    with a_bench(home, a_budget_rule(amount="1", every=60 * MINUTE)) as bench:
        for day in range(3):
            bench.succeed(day * 1440, count=99)
            bench.tick_at(day * 1440)
            bench.succeed(day * 1440 + 60, count=1)
            bench.tick_at(day * 1440 + 60)
            bench.succeed(day * 1440 + 120, count=50)
            bench.tick_at(day * 1440 + 120)
            bench.restart()

        kinds = bench.changes()
    assert kinds == ["firing", "resolved", "firing", "resolved", "firing"]
    assert told(sink) == ["[CRITICAL] Spent $1.00 this day, &gt;= 100 % of $1.00"] * 3


def test_calls_before_local_midnight_do_not_count_today(home: Path, sink: SlackSink) -> None:
    rule = a_budget_rule(amount="1", budget={"timezone": "Europe/Berlin"})
    with a_bench(home, rule) as bench:
        # given 90 cents on either side of midnight in Berlin, on the day of 23 hours
        midnight = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
        before, after = midnight - timedelta(seconds=1), midnight
        bench.writer.insert([a_call(before) for _ in range(90)])
        bench.writer.insert([a_call(after) for _ in range(90)])

        bench.clock.set(midnight + timedelta(hours=22, minutes=59))
        bench.engine.tick()

        assert bench.states() == []

        # when ten more cents are spent in the last minute of that day
        bench.writer.insert([a_call(midnight + timedelta(hours=22, minutes=59))] * 1)
        bench.writer.insert(
            [a_call(midnight + timedelta(hours=22, minutes=59, seconds=n)) for n in range(9)]
        )
        bench.clock.set(midnight + timedelta(hours=23))
        bench.engine.tick()

        assert [row.value for row in list_alerts(bench.writer)] == [Decimal(1)]


def test_a_budget_per_user_is_every_users_own_and_nobodys_calls_are_nobodys(home: Path) -> None:
    with a_bench(home, a_budget_rule(amount="1", budget={"by": ("user",)})) as bench:
        bench.succeed(0, count=100, user_id="ada")
        bench.succeed(0, count=99, user_id="bob")
        bench.succeed(0, count=500)

        bench.tick_at(0)

        assert [alert.labels for alert in list_alerts(bench.writer)] == [(("user", "ada"),)]


def test_calls_without_a_price_are_named_beside_the_spend(home: Path, sink: SlackSink) -> None:
    with a_bench(home, a_budget_rule(amount="1")) as bench:
        bench.succeed(0, count=100)
        bench.succeed(0, count=7, cost_usd=None)

        bench.tick_at(0)

    assert "*Not counted*\\n`7 calls without a price`" in str(sink.messages[0])


def test_a_message_is_sent_again_after_429_and_500_and_arrives_once(
    home: Path, sink: SlackSink
) -> None:
    sink.enqueue(Reply(status=429, headers={"Retry-After": "30"}), Reply(status=500))
    with a_bench(home, a_rule()) as bench:
        bench.fail(0)

        bench.tick_at(0)
        bench.tick_at(0.45)
        waiting = bench.deliveries()
        bench.tick_at(0.55)
        bench.tick_at(1)
        bench.tick_at(2)

        assert waiting == [("firing", "waiting")]
        assert bench.deliveries() == [("firing", "sent")]
    assert len(sink.messages) == 1


def test_a_refused_message_is_dead_at_once_and_says_why(home: Path, sink: SlackSink) -> None:
    sink.enqueue(Reply(status=404))
    with a_bench(home, a_rule()) as bench:
        bench.fail(0)

        bench.tick_through(0, 3)

        dead = list_deliveries(bench.writer, limit=9)[0]
        assert (dead.status, dead.attempts, dead.last_error) == ("dead", 1, "HTTP 404 no_service")
    assert sink.messages == []


def test_a_receiver_down_for_a_day_is_given_up(home: Path, sink: SlackSink) -> None:
    sink.enqueue(*[Reply(status=503, body=b"")] * 200)
    rule = a_rule(every=60 * MINUTE, when=_hours_of_errors(48))
    with a_bench(home, rule) as bench:
        bench.fail(0)

        for hour in range(26):
            bench.tick_at(60 * hour)

        delivery = list_deliveries(bench.writer, limit=9)[0]
        assert (delivery.status, delivery.last_error) == ("dead", "HTTP 503, for 24 h")


def _hours_of_errors(hours: int) -> Threshold:
    window = timedelta(hours=hours)
    return Threshold(metric="error_rate", window=window, op=">", value=Decimal("0.05"))


def test_an_alert_resolved_before_its_message_got_through_is_told_once(
    home: Path, sink: SlackSink
) -> None:
    sink.enqueue(Reply(status=503), Reply(status=503))
    with a_bench(home, a_rule()) as bench:
        bench.fail(0)
        bench.tick_at(0)

        bench.tick_at(6)
        bench.tick_at(9)

        assert bench.deliveries() == [("firing", "superseded"), ("resolved", "sent")]
    assert [text.split()[0] for text in told(sink)] == ["[RESOLVED]"]


def test_without_its_variable_a_receivers_messages_are_kept_and_sent_once_it_is_set(
    home: Path, sink: SlackSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SLACK_ENV)
    with a_bench(home, a_rule()) as bench:
        bench.fail(0)
        bench.tick_through(0, 2)
        before = bench.deliveries()

        monkeypatch.setenv(SLACK_ENV, sink.url)
        bench.restart()
        bench.tick_at(3)

        assert before == [("firing", "unconfigured")]
        assert bench.deliveries() == [("firing", "sent")]
    assert len(sink.messages) == 1


def test_a_receiver_that_wants_no_resolved_messages_gets_the_alert_however_late(
    home: Path, sink: SlackSink
) -> None:
    sink.enqueue(Reply(status=503))
    with a_bench(home, a_rule(), slack=replace(SLACK, send_resolved=False)) as bench:
        bench.fail(0)
        bench.tick_at(0)

        bench.tick_at(6)

        assert bench.deliveries() == [("firing", "sent")]
    assert len(sink.messages) == 1


def test_the_rules_in_force_are_in_the_store_and_change_with_a_restart(home: Path) -> None:
    rule = "{id: a, severity: info, when: {metric: cost, window: 1h, op: '>', value: 5}}"
    text = f"version: 1\nrules:\n- {rule}"
    with a_bench(home, a_rule()) as bench:
        for name in ("a", "b"):
            bench.book = read_rules({"/etc/rules.yaml": text.replace("id: a", f"id: {name}")})
            bench.writer.close()
            bench.writer = Writer(home / "llmtrace.duckdb", clock=bench.clock)
            bench.engine = bench.new_engine()

            (row,) = alert_rules(bench.writer).to_pylist()
            assert [rule.id for rule in book_of(row["document"]).rules] == [name]


def test_the_alert_of_a_removed_rule_is_resolved_and_says_so(home: Path, sink: SlackSink) -> None:
    with a_bench(home, a_rule()) as bench:
        bench.fail(0)
        bench.tick_at(0)

        bench.restart(a_rule(id="another", min_requests=10_000))
        bench.tick_at(1)

        assert bench.states() == []
    assert "the rule was removed" in str(sink.messages[-1])


def test_a_rule_that_cannot_be_evaluated_three_times_raises_an_alert_of_its_own(
    home: Path, sink: SlackSink
) -> None:
    broken = replace(a_rule(id="broken"), by=("no_such_dimension",))
    with a_bench(home, broken, a_rule()) as bench:
        bench.tick_through(0, 1)
        early = bench.states()
        bench.tick_through(2, 4)

        assert early == []
        assert bench.states() == [("evaluator-error", "firing")]
    expected = "Alert rule failed 3 times in a row; until it works again it cannot fire"
    assert told(sink) == [f"[CRITICAL] {expected} · rule broken"]


def test_a_failed_write_loses_nothing_and_is_made_up_for(
    home: Path, sink: SlackSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_bench(home, a_rule()) as bench:
        bench.fail(0)
        with monkeypatch.context() as broken:
            broken.setattr(bench.writer, "transaction", _disk_is_full)
            with pytest.raises(StoreUnreachableError):
                bench.tick_at(0)

        bench.tick_at(1)

        assert bench.states() == [("errors", "firing")]
    assert len(sink.messages) == 1


def _disk_is_full(_: object) -> object:
    raise StoreUnreachableError("the disk is full")


def test_a_span_with_an_absurd_number_of_tokens_stops_no_rule(home: Path) -> None:
    when = Threshold(metric="input_tokens", window=5 * MINUTE, op=">", value=Decimal(10))
    with a_bench(home, a_rule(id="tokens", when=when), a_rule()) as bench:
        bench.fail(0, count=1, input_tokens=2**62)

        bench.tick_at(0)

        assert sorted(bench.states()) == [("errors", "firing"), ("tokens", "firing")]


def test_no_secret_is_in_the_store_or_the_log(
    home: Path, sink: SlackSink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.enqueue(Reply(status=500, body=sink.url.encode()), Reply(status=404))
    with a_bench(home, a_rule(), a_rule(id="more")) as bench:
        bench.fail(0)
        bench.tick_through(0, 2)
        rows = repr(list_deliveries(bench.writer, limit=9)) + repr(bench.book)

    files = b"".join(path.read_bytes() for path in home.iterdir() if path.is_file())
    assert "LOCALSECRET" not in rows + caplog.text
    assert b"LOCALSECRET" not in files
