"""What the alert engine remembers survives a restart, and is written all or nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import StoreError
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.alert_rows import (
    AlertChange,
    AlertRow,
    HistoryRow,
    OutgoingMessage,
    RuleProgress,
    rounded,
)
from llmtrace.store.alert_state import AlertStateStore, list_alerts, list_deliveries, list_history
from llmtrace.store.queries import (
    alert_changes,
    alert_changes_of,
    alert_deliveries,
    alert_messages_of,
    alert_progress,
    alert_rules,
)

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ALERT = AlertRow(
    key="k1",
    rule_id="errors",
    title="Errors",
    severity="critical",
    labels=(("model", "gpt-5"), ("user", "O'Hara; drop table spans")),
    period=None,
    state="firing",
    since=NOW - timedelta(minutes=2),
    fired_at=NOW,
    calm_since=None,
    value=Decimal("0.123456789012"),
    threshold=Decimal("0.050000000000"),
    last_tick=NOW,
    episode="k1-1",
    summary="Errors 12 %",
)
PROGRESS = RuleProgress(rule_id="errors", last_tick=NOW, alerts=(ALERT,))
HISTORY = HistoryRow(
    tick=NOW,
    recorded_at=NOW,
    rule_id="errors",
    key="k1",
    episode="k1-1",
    kind="firing",
    reason="condition",
    severity="critical",
    labels=ALERT.labels,
    value=None,
    threshold=Decimal("0.050000000000"),
    summary="Errors",
    is_late=False,
)
FIRING = OutgoingMessage(episode="k1-1", kind="firing", receivers=("a", "b"), payload='{"n":1}')
RESOLVED = replace(FIRING, kind="resolved", payload='{"n":2}')


@pytest.fixture
def state(writer: Writer) -> AlertStateStore:
    return AlertStateStore(writer)


def statuses(writer: Writer) -> list[tuple[str, str, str]]:
    rows = list_deliveries(writer, limit=99)
    return sorted((row.receiver, row.kind, row.status) for row in rows)


def test_state_and_history_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_FILE
    with Writer(path) as writer:
        change = AlertChange(progress=(PROGRESS,), history=(HISTORY,))
        AlertStateStore(writer).commit(change, now=NOW)

    with Writer(path) as writer:
        assert AlertStateStore(writer).load() == (PROGRESS,)
        assert list_alerts(writer) == [ALERT]
        assert list_history(writer, limit=9) == [HISTORY]


def test_a_rules_new_state_replaces_its_old_one_and_no_other_rules(
    state: AlertStateStore,
) -> None:
    other = replace(PROGRESS, rule_id="spend", alerts=(replace(ALERT, rule_id="spend"),))
    state.commit(AlertChange(progress=(PROGRESS, other)), now=NOW)

    later = RuleProgress(rule_id="errors", last_tick=NOW + timedelta(minutes=1), alerts=())
    state.commit(AlertChange(progress=(later,)), now=NOW)

    assert state.load() == (later, other)


def test_a_removed_rule_leaves_nothing_behind(state: AlertStateStore) -> None:
    state.commit(AlertChange(progress=(PROGRESS,)), now=NOW)

    state.commit(AlertChange(progress=(), removed_rules=("errors",)), now=NOW)

    assert state.load() == ()


def test_a_change_that_cannot_be_written_whole_is_not_written_at_all(
    writer: Writer, state: AlertStateStore
) -> None:
    broken = replace(HISTORY, kind=None)  # the table refuses a NULL

    with pytest.raises(StoreError):
        state.commit(
            AlertChange(progress=(PROGRESS,), history=(broken,), messages=(FIRING,)), now=NOW
        )

    assert state.load() == ()
    assert statuses(writer) == []


def test_a_message_goes_to_each_receiver_once_however_often_it_is_committed(
    writer: Writer, state: AlertStateStore
) -> None:
    change = AlertChange(progress=(PROGRESS,), messages=(FIRING,))

    state.commit(change, now=NOW)
    state.commit(change, now=NOW)

    assert statuses(writer) == [("a", "firing", "waiting"), ("b", "firing", "waiting")]


def test_a_resolved_message_replaces_the_firing_one_only_where_that_is_not_sent(
    writer: Writer, state: AlertStateStore
) -> None:
    state.commit(AlertChange(progress=(), messages=(FIRING,)), now=NOW)
    state.mark("k1-1-firing-a", "sent", now=NOW, attempts=1)

    state.commit(AlertChange(progress=(), messages=(RESOLVED,)), now=NOW)

    assert statuses(writer) == [
        ("a", "firing", "sent"),
        ("a", "resolved", "waiting"),
        ("b", "firing", "superseded"),
        ("b", "resolved", "waiting"),
    ]


def test_who_was_never_told_that_it_fired_is_not_told_that_it_is_resolved(
    writer: Writer, state: AlertStateStore
) -> None:
    state.commit(AlertChange(progress=(), messages=(replace(FIRING, receivers=("a",)),)), now=NOW)
    state.mark("k1-1-firing-a", "dead", now=NOW, attempts=1, error="HTTP 404")

    state.commit(AlertChange(progress=(), messages=(RESOLVED,)), now=NOW)

    assert statuses(writer) == [("a", "firing", "dead")]


def test_due_messages_come_oldest_first_and_leave_out_who_is_paused(
    state: AlertStateStore,
) -> None:
    later = replace(FIRING, episode="k0-9", receivers=("a",))
    state.commit(AlertChange(progress=(), messages=(FIRING,)), now=NOW)
    state.commit(AlertChange(progress=(), messages=(later,)), now=NOW + timedelta(seconds=1))
    state.mark(
        "k1-1-firing-b", "waiting", now=NOW, attempts=1, next_attempt_at=NOW + timedelta(minutes=1)
    )

    soon = NOW + timedelta(seconds=2)

    assert [row.delivery_id for row in state.due(NOW)] == ["k1-1-firing-a"]
    assert [row.delivery_id for row in state.due(soon)] == ["k1-1-firing-a", "k0-9-firing-a"]
    assert state.due(soon, except_for=["a"]) == ()
    assert [row.delivery_id for row in state.due(soon + timedelta(minutes=1), limit=2)] == [
        "k1-1-firing-a",
        "k1-1-firing-b",
    ]


def test_unconfigured_messages_come_back_for_their_receiver_unless_too_old(
    writer: Writer, state: AlertStateStore
) -> None:
    state.commit(AlertChange(progress=(), messages=(FIRING,)), now=NOW)
    for receiver in ("a", "b"):
        state.mark(f"k1-1-firing-{receiver}", "unconfigured", now=NOW, attempts=0)

    state.revive(["a"], now=NOW, since=NOW + timedelta(seconds=1))
    too_old = statuses(writer)
    state.revive(["a"], now=NOW, since=NOW)

    assert too_old == [("a", "firing", "unconfigured"), ("b", "firing", "unconfigured")]
    assert statuses(writer) == [("a", "firing", "waiting"), ("b", "firing", "unconfigured")]


def test_the_largest_sum_of_tokens_has_room(state: AlertStateStore) -> None:
    largest = rounded(Decimal(2**63 - 1))
    progress = replace(PROGRESS, alerts=(replace(ALERT, value=largest),))

    state.commit(AlertChange(progress=(progress,)), now=NOW)

    assert state.load() == (progress,)


def test_the_rules_in_force_are_those_told_last(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        state = AlertStateStore(writer)

        def seen() -> list[tuple[object, object]]:
            rows = alert_rules(writer).to_pylist()
            return [(row["loaded_at"].replace(tzinfo=UTC), row["document"]) for row in rows]

        # A home without rules is not told so; the same rules again change nothing.
        state.keep_rules(None, now=NOW)
        assert seen() == []
        for hours, document in enumerate(("a", "a", "b", None, None, "b")):
            state.keep_rules(document, now=NOW + timedelta(hours=hours))
            if hours == 1:
                assert seen() == [(NOW, "a")]
            if hours == 4:
                assert seen() == [(NOW + timedelta(hours=3), None)]

        assert seen() == [(NOW + timedelta(hours=5), "b")]


def test_changes_of_a_range_come_with_how_each_alert_entered_it(tmp_path: Path) -> None:
    def change(key: str, minute: int, kind: str) -> HistoryRow:
        at = NOW + timedelta(minutes=minute)
        return replace(HISTORY, key=key, tick=at, recorded_at=at, kind=kind)

    history = (
        change("fires", 0, "pending"), change("fires", 1, "firing"),
        change("over", 0, "firing"), change("over", 2, "resolved"),
        change("fires", 10, "resolved"), change("new", 11, "firing"), change("late", 30, "firing"),
    )  # fmt: skip
    with Writer(tmp_path / DATABASE_FILE) as writer:
        state = AlertStateStore(writer)
        state.commit(AlertChange(progress=(PROGRESS,), history=history), now=NOW)

        start, end = NOW + timedelta(minutes=5), NOW + timedelta(minutes=30)
        rows = alert_changes(writer, start, end, limit=10).to_pylist()
        newest = alert_changes(writer, start, end, limit=1).to_pylist()
        progress = alert_progress(writer).to_pylist()
        of_one = alert_changes_of(writer, "fires", limit=2).to_pylist()

    assert [(row["key"], row["kind"]) for row in rows] == [
        ("fires", "firing"),
        ("fires", "resolved"),
        ("new", "firing"),
    ]
    assert [row["key"] for row in newest] == ["new"]
    assert [row["kind"] for row in of_one] == ["resolved", "firing"]
    assert progress == [{"rule_id": "errors", "last_tick": NOW.replace(tzinfo=None)}]


def test_messages_of_a_range_are_those_made_in_it(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        state = AlertStateStore(writer)
        for hour in range(3):
            message = OutgoingMessage(
                episode=f"e{hour}", kind="firing", receivers=("slack",), payload="{}"
            )
            change = AlertChange(progress=(), messages=(message,))
            state.commit(change, now=NOW + timedelta(hours=hour))

        rows = alert_deliveries(writer, NOW, NOW + timedelta(hours=2), limit=9).to_pylist()

        of_one = alert_messages_of(writer, "e1", limit=9).to_pylist()

    assert [row["episode"] for row in rows] == ["e1", "e0"]
    assert of_one == rows[:1]
