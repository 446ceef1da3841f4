"""What the alert engine remembers, as rows: progress, alerts, history, outgoing messages.

A state change and the messages that tell of it are one transaction, so that neither can be lost
without the other. Knows nothing of rules, of when an alert fires, or of how a message is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llmtrace.store.reading import Store
    from llmtrace.store.writer import Transaction

_T = TypeVar("_T")
DeliveryStatus = Literal["waiting", "sent", "dead", "superseded", "unconfigured"]
MessageKind = Literal["firing", "resolved"]

_PLACES: Final = Decimal("0.000000000001")
"""Precision of values in the store: 12 decimals, as money has."""
_CONTEXT: Final = Context(prec=38)
"""Python's usual 28 digits are fewer than the column's, and a sum of tokens may need them."""


class Database(Protocol):
    """What writes: ``llmtrace.store.Writer``."""

    def transaction(self, work: Callable[[Transaction], _T]) -> _T:
        """Run ``work`` in one write transaction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One alert that is pending or firing. Times are aware UTC."""

    key: str
    rule_id: str
    title: str
    severity: str
    labels: tuple[tuple[str, str], ...]
    period: str | None
    state: str
    since: datetime
    fired_at: datetime | None
    calm_since: datetime | None
    value: Decimal | None
    threshold: Decimal
    last_tick: datetime
    episode: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One change of one alert."""

    tick: datetime
    recorded_at: datetime
    rule_id: str
    key: str
    episode: str
    kind: str
    reason: str
    severity: str
    labels: tuple[tuple[str, str], ...]
    value: Decimal | None
    threshold: Decimal
    summary: str
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """What is to be told, and to whom."""

    episode: str
    kind: MessageKind
    receivers: tuple[str, ...]
    """For ``resolved``: of these, only who has a firing message of the episode is told."""
    payload: str
    """JSON; holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one receiver."""

    delivery_id: str
    created_at: datetime
    receiver: str
    episode: str
    kind: str
    payload: str
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime
    finished_at: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleProgress:
    """State of one rule after a tick: replaces what is stored of the rule."""

    rule_id: str
    last_tick: datetime
    alerts: tuple[AlertRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChange:
    """Everything that some ticks changed."""

    progress: tuple[RuleProgress, ...]
    history: tuple[HistoryRow, ...] = ()
    messages: tuple[OutgoingMessage, ...] = ()
    removed_rules: tuple[str, ...] = ()
    """Rules that no file has any more; their progress and alerts are dropped."""


class AlertStateStore:
    """Reads and writes the alert tables through the writer's transactions."""

    def __init__(self, database: Database) -> None:
        """Use ``database``, whose schema is up to date."""
        self._database = database

    def load(self) -> tuple[RuleProgress, ...]:
        """Return the state of every rule that was ever evaluated, by rule id."""

        def work(transaction: Transaction) -> tuple[RuleProgress, ...]:
            rows = transaction.execute("select * from alert_instances").to_pylist()
            alerts = [_alert(row) for row in rows]
            found = transaction.execute(
                "select rule_id, last_tick from alert_progress order by rule_id"
            ).to_pylist()
            return tuple(
                RuleProgress(
                    rule_id=row["rule_id"],
                    last_tick=_utc(row["last_tick"]),
                    alerts=tuple(alert for alert in alerts if alert.rule_id == row["rule_id"]),
                )
                for row in found
            )

        return self._database.transaction(work)

    def commit(self, change: AlertChange, *, now: datetime) -> None:
        """Write states, history and messages: all or nothing. Doing it twice sends once."""

        def work(transaction: Transaction) -> None:
            for rule_id in change.removed_rules:
                _forget(transaction, rule_id)
            for progress in change.progress:
                _forget(transaction, progress.rule_id)
                _insert_progress(transaction, progress)
            for row in change.history:
                _insert_history(transaction, row)
            for message in change.messages:
                _enqueue(transaction, message, now)

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
                [_naive(now), list(except_for), limit],
            )
            return tuple(_delivery(row) for row in table.to_pylist())

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
                    _naive(next_attempt_at or now),
                    _naive(now) if is_over else None,
                    error,
                    delivery_id,
                ],
            )
        )

    def revive(self, receivers: Sequence[str], *, now: datetime, since: datetime) -> None:
        """Let messages created after ``since`` go out whose receiver is configured by now."""
        self._database.transaction(
            lambda transaction: transaction.execute(
                "update alert_outbox set status = 'waiting', next_attempt_at = ?, "
                "finished_at = null, last_error = null where status = 'unconfigured' "
                "and created_at >= ? and receiver in (select unnest(?::varchar[]))",
                [_naive(now), _naive(since), list(receivers)],
            )
        )


def list_alerts(store: Store) -> list[AlertRow]:
    """Return pending and firing alerts, firing and oldest first."""
    query = "select * from alert_instances order by state, since, key"
    return [_alert(row) for row in store.sql(query, max_rows=None).to_pylist()]


def list_history(store: Store, *, limit: int) -> list[HistoryRow]:
    """Return the last ``limit`` changes of alerts, newest first."""
    query = "select * from alert_history order by tick desc, recorded_at desc, key limit ?"
    return [_history(row) for row in store.sql(query, [limit]).to_pylist()]


def list_deliveries(store: Store, *, limit: int) -> list[Delivery]:
    """Return the last ``limit`` messages, newest first."""
    query = "select * from alert_outbox order by created_at desc, delivery_id limit ?"
    return [_delivery(row) for row in store.sql(query, [limit]).to_pylist()]


def _forget(transaction: Transaction, rule_id: str) -> None:
    transaction.execute("delete from alert_instances where rule_id = ?", [rule_id])
    transaction.execute("delete from alert_progress where rule_id = ?", [rule_id])


def _insert_progress(transaction: Transaction, progress: RuleProgress) -> None:
    transaction.execute(
        "insert into alert_progress values (?, ?)",
        [progress.rule_id, _naive(progress.last_tick)],
    )
    for alert in progress.alerts:
        transaction.execute(
            "insert into alert_instances values (?, ?, ?, ?, "
            "map(?::varchar[], ?::varchar[]), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                alert.key,
                alert.rule_id,
                alert.title,
                alert.severity,
                *_label_lists(alert.labels),
                alert.period,
                alert.state,
                _naive(alert.since),
                _naive_or_none(alert.fired_at),
                _naive_or_none(alert.calm_since),
                _rounded_or_none(alert.value),
                rounded(alert.threshold),
                _naive(alert.last_tick),
                alert.episode,
                alert.summary,
            ],
        )


def _insert_history(transaction: Transaction, row: HistoryRow) -> None:
    transaction.execute(
        "insert into alert_history values (?, ?, ?, ?, ?, ?, ?, ?, "
        "map(?::varchar[], ?::varchar[]), ?, ?, ?, ?)",
        [
            _naive(row.tick),
            _naive(row.recorded_at),
            row.rule_id,
            row.key,
            row.episode,
            row.kind,
            row.reason,
            row.severity,
            *_label_lists(row.labels),
            _rounded_or_none(row.value),
            rounded(row.threshold),
            row.summary,
            row.is_late,
        ],
    )


def _enqueue(transaction: Transaction, message: OutgoingMessage, now: datetime) -> None:
    for receiver in message.receivers:
        if message.kind == "resolved" and not _supersede(transaction, message, receiver, now):
            continue
        delivery_id = f"{message.episode}-{message.kind}-{receiver}"
        transaction.execute(
            "insert into alert_outbox "
            "select ?, ?, ?, ?, ?, ?, 'waiting', 0, ?, null, null where not exists "
            "(select 1 from alert_outbox where delivery_id = ?)",
            [
                delivery_id,
                _naive(now),
                receiver,
                message.episode,
                message.kind,
                message.payload,
                _naive(now),
                delivery_id,
            ],
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
        [_naive(now), message.episode, receiver],
    )
    return table.num_rows > 0


def rounded(value: Decimal) -> Decimal:
    """Return ``value`` as the store keeps it, so that a state read back equals the one written."""
    return value.quantize(_PLACES, context=_CONTEXT)


def _alert(row: Mapping[str, Any]) -> AlertRow:
    return AlertRow(**_record(row))


def _history(row: Mapping[str, Any]) -> HistoryRow:
    return HistoryRow(**_record(row))


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery(**_record(row))


def _record(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a row of a table the types of its record, whose fields have the columns' names."""
    fields = {
        name: _utc(value) if isinstance(value, datetime) else value for name, value in row.items()
    }
    if "labels" in fields:
        # Arrow gives a MAP as a list of pairs.
        fields["labels"] = tuple(sorted((str(key), str(value)) for key, value in row["labels"]))
    return fields


def _rounded_or_none(value: Decimal | None) -> Decimal | None:
    return None if value is None else rounded(value)


def _label_lists(labels: tuple[tuple[str, str], ...]) -> tuple[list[str], list[str]]:
    return [key for key, _ in labels], [value for _, value in labels]


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _naive(moment: datetime) -> datetime:
    """Return UTC without its zone, as TIMESTAMP columns hold it."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _naive_or_none(moment: datetime | None) -> datetime | None:
    return None if moment is None else _naive(moment)
