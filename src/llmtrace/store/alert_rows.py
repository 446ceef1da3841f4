"""The rows of the alert tables as records, and how they become Arrow tables and back.

The fields have the names of the columns (``migrations/0002_alerts.sql``). Pure; no SQL is here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DeliveryStatus = Literal["waiting", "sent", "dead", "superseded", "unconfigured"]
MessageKind = Literal["firing", "resolved", "report"]

_PLACES: Final = Decimal("0.000000000001")
"""Precision of values in the store: 12 decimals, as money has."""
_CONTEXT: Final = Context(prec=38)
"""Python's usual 28 digits are fewer than the column's, and a sum of tokens may need them."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One alert that is pending or firing. Times are aware UTC."""

    key: str
    rule_id: str
    title: str
    severity: str
    labels: Labels
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
    labels: Labels
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


_TIME: Final = pa.timestamp("us")
_NUMBER: Final = pa.decimal128(38, 12)
_LABELS: Final = pa.map_(pa.string(), pa.string())
_PROGRESS: Final = pa.schema([("rule_id", pa.string()), ("last_tick", _TIME)])
_ALERTS: Final = pa.schema(
    [
        ("key", pa.string()),
        ("rule_id", pa.string()),
        ("title", pa.string()),
        ("severity", pa.string()),
        ("labels", _LABELS),
        ("period", pa.string()),
        ("state", pa.string()),
        ("since", _TIME),
        ("fired_at", _TIME),
        ("calm_since", _TIME),
        ("value", _NUMBER),
        ("threshold", _NUMBER),
        ("last_tick", _TIME),
        ("episode", pa.string()),
        ("summary", pa.string()),
    ]
)
_HISTORY: Final = pa.schema(
    [
        ("tick", _TIME),
        ("recorded_at", _TIME),
        ("rule_id", pa.string()),
        ("key", pa.string()),
        ("episode", pa.string()),
        ("kind", pa.string()),
        ("reason", pa.string()),
        ("severity", pa.string()),
        ("labels", _LABELS),
        ("value", _NUMBER),
        ("threshold", _NUMBER),
        ("summary", pa.string()),
        ("is_late", pa.bool_()),
    ]
)
_OUTBOX: Final = pa.schema(
    [
        ("delivery_id", pa.string()),
        ("created_at", _TIME),
        ("receiver", pa.string()),
        ("episode", pa.string()),
        ("kind", pa.string()),
        ("payload", pa.string()),
        ("status", pa.string()),
        ("attempts", pa.int32()),
        ("next_attempt_at", _TIME),
        ("finished_at", _TIME),
        ("last_error", pa.string()),
    ]
)


def progress_table(rows: Iterable[RuleProgress]) -> pa.Table:
    """Return rows of ``alert_progress``."""
    records = [{"rule_id": row.rule_id, "last_tick": row.last_tick} for row in rows]
    return _table(records, _PROGRESS)


def alert_table(rows: Iterable[AlertRow]) -> pa.Table:
    """Return rows of ``alert_instances``."""
    return _table([asdict(row) for row in rows], _ALERTS)


def history_table(rows: Iterable[HistoryRow]) -> pa.Table:
    """Return rows of ``alert_history``."""
    return _table([asdict(row) for row in rows], _HISTORY)


def outbox_table(rows: Iterable[Delivery]) -> pa.Table:
    """Return rows of ``alert_outbox``."""
    return _table([asdict(row) for row in rows], _OUTBOX)


def alert_row(row: Mapping[str, Any]) -> AlertRow:
    """Return a row of ``alert_instances`` as it was written."""
    return AlertRow(**_record(row))


def history_row(row: Mapping[str, Any]) -> HistoryRow:
    """Return a row of ``alert_history`` as it was written."""
    return HistoryRow(**_record(row))


def delivery_row(row: Mapping[str, Any]) -> Delivery:
    """Return a row of ``alert_outbox`` as it was written."""
    return Delivery(**_record(row))


def delivery_id(episode: str, kind: str, receiver: str) -> str:
    """Return the identity of a message to a receiver: it is sent once, however often asked for."""
    return f"{episode}-{kind}-{receiver}"


def rounded(value: Decimal) -> Decimal:
    """Return ``value`` as the store keeps it, so that a state read back equals the one written."""
    return value.quantize(_PLACES, context=_CONTEXT)


def aware(moment: datetime) -> datetime:
    """Return a time of a TIMESTAMP column as aware UTC."""
    return moment.replace(tzinfo=UTC)


def naive(moment: datetime) -> datetime:
    """Return an aware time as a TIMESTAMP column holds it."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _table(records: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    columns = {
        name: pa.array([_stored(record[name]) for record in records], schema.field(name).type)
        for name in schema.names
    }
    return pa.table(columns)


def _stored(value: object) -> object:
    if isinstance(value, datetime):
        return naive(value)
    return rounded(value) if isinstance(value, Decimal) else value


def _record(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a row of a table the types of its record."""
    fields = {
        name: aware(value) if isinstance(value, datetime) else value for name, value in row.items()
    }
    if "labels" in fields:
        # Arrow gives a MAP as a list of pairs.
        fields["labels"] = tuple(sorted((str(key), str(value)) for key, value in row["labels"]))
    return fields
