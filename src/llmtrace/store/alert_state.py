"""What the alert engine remembers: progress, alerts, history, outgoing messages.

A state change and the messages that tell of it are one transaction, so that neither can be lost
without the other. Knows nothing of rules, of when an alert fires, or of how a message is sent.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from llmtrace.store.alert_rows import (
    AlertChange,
    AlertRow,
    Delivery,
    DeliveryStatus,
    HistoryRow,
    OutgoingMessage,
    RuleProgress,
    alert_row,
    alert_table,
    aware,
    delivery_id,
    delivery_row,
    history_row,
    history_table,
    naive,
    outbox_table,
    progress_table,
)
from llmtrace.store.own_sql import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from llmtrace.store.reading import Store
    from llmtrace.store.writer import Transaction

_T = TypeVar("_T")

_ALERTS: Final = "select * from alert_instances order by state, since, key"
_HISTORY: Final = "select * from alert_history order by tick desc, recorded_at desc, key limit ?"
_DELIVERIES: Final = "select * from alert_outbox order by created_at desc, delivery_id limit ?"
"""The queries by which others read what the engine remembers."""


class Database(Protocol):
    """What writes: ``llmtrace.store.Writer``."""

    def transaction(self, work: Callable[[Transaction], _T]) -> _T:
        """Run ``work`` in one write transaction."""
        ...


class AlertStateStore:
    """Reads and writes the alert tables through the writer's transactions."""

    def __init__(self, database: Database) -> None:
        """Use ``database``, whose schema is up to date."""
        self._database = database

    def load(self) -> tuple[RuleProgress, ...]:
        """Return the state of every rule that was ever evaluated, by rule id."""

        def work(transaction: Transaction) -> tuple[RuleProgress, ...]:
            rows = transaction.execute("select * from alert_instances").to_pylist()
            alerts = [alert_row(row) for row in rows]
            found = transaction.execute(
                "select rule_id, last_tick from alert_progress order by rule_id"
            ).to_pylist()
            return tuple(
                RuleProgress(
                    rule_id=row["rule_id"],
                    last_tick=aware(row["last_tick"]),
                    alerts=tuple(alert for alert in alerts if alert.rule_id == row["rule_id"]),
                )
                for row in found
            )

        return self._database.transaction(work)

    def commit(self, change: AlertChange, *, now: datetime) -> None:
        """Write states, history and messages: all or nothing. Doing it twice sends once."""

        def work(transaction: Transaction) -> None:
            _forget(transaction, [*change.removed_rules, *(p.rule_id for p in change.progress)])
            transaction.append("alert_progress", progress_table(change.progress))
            alerts = [alert for progress in change.progress for alert in progress.alerts]
            transaction.append("alert_instances", alert_table(alerts))
            transaction.append("alert_history", history_table(change.history))
            transaction.append("alert_outbox", outbox_table(_outgoing(transaction, change, now)))

        self._database.transaction(work)

    def due(
        self, now: datetime, *, except_for: Sequence[str] = (), limit: int = 100
    ) -> tuple[Delivery, ...]:
        """Return messages whose next attempt is due, oldest first, not for some receivers."""

        def work(transaction: Transaction) -> tuple[Delivery, ...]:
            table = transaction.execute(
                "select * from alert_outbox where status = 'waiting' and next_attempt_at <= ? "
                "and receiver not in (select unnest(?::varchar[])) "
                "order by created_at, delivery_id limit ?",
                [naive(now), list(except_for), limit],
            )
            return tuple(delivery_row(row) for row in table.to_pylist())

        return self._database.transaction(work)

    def mark(
        self,
        delivery_id: str,
        status: DeliveryStatus,
        *,
        now: datetime,
        attempts: int,
        next_attempt_at: datetime | None = None,
        error: str | None = None,
    ) -> None:
        """Remember how an attempt went; ``waiting`` needs ``next_attempt_at``."""
        is_over = status != "waiting"
        self._database.transaction(
            lambda transaction: transaction.execute(
                "update alert_outbox set status = ?, attempts = ?, next_attempt_at = ?, "
                "finished_at = ?, last_error = ? where delivery_id = ?",
                [
                    status,
                    attempts,
                    naive(next_attempt_at or now),
                    naive(now) if is_over else None,
                    error,
                    delivery_id,
                ],
            )
        )

    def keep_rules(self, document: str | None, *, now: datetime) -> None:
        """Remember which rules are in force, None for no rules; the same again changes nothing.

        ``document`` holds no secret.
        """
        digest = hashlib.sha256(document.encode()).hexdigest() if document is not None else ""

        def work(transaction: Transaction) -> None:
            known = transaction.execute(
                "select digest from alert_rules order by loaded_at desc, rowid desc limit 1"
            ).to_pylist()
            # A home that never had rules need not be told that it has none.
            if digest != (known[0]["digest"] if known else ""):
                transaction.execute(
                    "insert into alert_rules values (?, ?, ?)", [naive(now), digest, document]
                )

        self._database.transaction(work)

    def revive(self, receivers: Sequence[str], *, now: datetime, since: datetime) -> None:
        """Let messages created after ``since`` go out whose receiver is configured by now."""
        self._database.transaction(
            lambda transaction: transaction.execute(
                "update alert_outbox set status = 'waiting', next_attempt_at = ?, "
                "finished_at = null, last_error = null where status = 'unconfigured' "
                "and created_at >= ? and receiver in (select unnest(?::varchar[]))",
                [naive(now), naive(since), list(receivers)],
            )
        )


def list_alerts(store: Store) -> list[AlertRow]:
    """Return pending and firing alerts, firing and oldest first."""
    return [alert_row(row) for row in ask(store, _ALERTS, max_rows=None).to_pylist()]


def list_history(store: Store, *, limit: int) -> list[HistoryRow]:
    """Return the last ``limit`` changes of alerts, newest first."""
    return [history_row(row) for row in ask(store, _HISTORY, [limit]).to_pylist()]


def list_deliveries(store: Store, *, limit: int) -> list[Delivery]:
    """Return the last ``limit`` messages, newest first."""
    return [delivery_row(row) for row in ask(store, _DELIVERIES, [limit]).to_pylist()]


def _forget(transaction: Transaction, rule_ids: list[str]) -> None:
    for table in ("alert_instances", "alert_progress"):
        transaction.execute(
            f"delete from {table} where rule_id in (select unnest(?::varchar[]))",  # noqa: S608  # one of two names of ours
            [rule_ids],
        )


def _outgoing(transaction: Transaction, change: AlertChange, now: datetime) -> list[Delivery]:
    """Return the messages to add; those that a resolved message replaces are taken back."""
    wanted: dict[str, Delivery] = {}
    for message in change.messages:
        for receiver in message.receivers:
            delivery = _waiting(message, receiver, now)
            firing = delivery_id(message.episode, "firing", receiver)
            if message.kind != "resolved":
                wanted.setdefault(delivery.delivery_id, delivery)
            elif firing in wanted:
                # Fired and resolved in one change: one message says it all.
                wanted[firing] = replace(wanted[firing], status="superseded", finished_at=now)
                wanted[delivery.delivery_id] = delivery
            elif _supersede(transaction, message, receiver, now):
                wanted[delivery.delivery_id] = delivery
    known = transaction.execute(
        "select delivery_id from alert_outbox where delivery_id in (select unnest(?::varchar[]))",
        [list(wanted)],
    )
    stored = set(known.column("delivery_id").to_pylist())
    return [delivery for name, delivery in wanted.items() if name not in stored]


def _waiting(message: OutgoingMessage, receiver: str, now: datetime) -> Delivery:
    return Delivery(
        delivery_id=delivery_id(message.episode, message.kind, receiver),
        created_at=now,
        receiver=receiver,
        episode=message.episode,
        kind=message.kind,
        payload=message.payload,
        status="waiting",
        attempts=0,
        next_attempt_at=now,
    )


def _supersede(
    transaction: Transaction, message: OutgoingMessage, receiver: str, now: datetime
) -> bool:
    """Take back a firing message that was not sent yet; False if there is none to resolve."""
    table = transaction.execute(
        "select status from alert_outbox "
        "where episode = ? and receiver = ? and kind = 'firing' and status <> 'dead'",
        [message.episode, receiver],
    )
    transaction.execute(
        "update alert_outbox set status = 'superseded', finished_at = ? "
        "where episode = ? and receiver = ? and kind = 'firing' "
        "and status in ('waiting', 'unconfigured')",
        [naive(now), message.episode, receiver],
    )
    return table.num_rows > 0
