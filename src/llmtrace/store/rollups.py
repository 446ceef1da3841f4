"""Keeps the rollups true: in the transaction of whatever stores, changes or removes calls.

Calls are added when they are stored. Whoever changes or removes stored ones does it inside
``corrected``, which takes them out of the rollups before and puts back what is left of them after.
Both only append rows; ``fold`` joins those of one hour later. Retention does *not* correct: the
hourly rollups keep what hours cost whose spans are gone, ``spans_since`` says from when on spans
are whole, and the sums by user begin there too. Those are of the days in ``user_days`` alone.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from llmtrace.store.rollup_rows import CALLS, COLUMNS_READ, HOURLY, SPANS, USER_DAYS
from llmtrace.store.spans_since import note_spans_since, spans_since
from llmtrace.store.user_days import drop_all, keep_from, known_days

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    import pyarrow as pa

    from llmtrace.store.rollup_rows import Rollup

FOLD_ROWS: Final = 50_000
"""Appended rows after which it is worth looking which hours to join."""
_MADE_BY: Final = "rollups"
_DEFINITION: Final = "1"
"""Raised whenever the rollups mean something else: they are then built anew from the spans."""
_ALL: Final = (*HOURLY, USER_DAYS)
_CALLS_PER_STEP: Final = 500_000
_ROWS_AT_ONCE: Final = 200_000
_HOUR: Final = timedelta(hours=1)
_FIRST: Final = datetime(1, 1, 1)  # noqa: DTZ001  # naive UTC, as stored
_WITHIN: Final = "start_time >= ? and start_time < ?"


class _Transaction(Protocol):
    def execute(
        self, sql: str, parameters: Sequence[object] = (), *, incoming: pa.Table | None = None
    ) -> pa.Table: ...


class _Intake(_Transaction, Protocol):
    def take_in(self, sql: str, rows: pa.Table) -> pa.Table: ...


def add_calls(transaction: _Intake, spans: pa.Table, oldest_us: int) -> int:
    """Add the calls among spans that are being stored; return how many rows that took.

    ``oldest_us``: none of them started earlier, microseconds since 1970.
    """
    incoming = spans.select(list(COLUMNS_READ))
    added = 0
    for each in HOURLY:
        rows = each.rows("{incoming}", "true")
        done = transaction.take_in(f"insert into {each.table} by name {rows}", incoming)
        added += _count_of(done)
    days = known_days(transaction)
    if days is not None and oldest_us < days.end_us:
        late = USER_DAYS.rows("incoming", days.condition)
        added += _append(transaction, late, USER_DAYS, incoming=incoming)
    return added


@contextmanager
def corrected(
    transaction: _Transaction,
    where: str,
    parameters: Sequence[object],
    incoming: pa.Table | None = None,
) -> Generator[None]:
    """Keep the rollups true while the block changes or deletes the spans with ``where``.

    ``where`` is SQL of ours that chooses the same spans after the change: by id or by time.
    """
    kept = [(each, where) for each in HOURLY]
    days = known_days(transaction)
    if days is not None:
        kept.append((USER_DAYS, f"({where}) and {days.condition}"))
    for each, these in kept:
        _append(transaction, each.rows(SPANS, these, sign="-"), each, parameters, incoming)
    yield
    for each, these in kept:
        _append(transaction, each.rows(SPANS, these), each, parameters, incoming)


def fold(transaction: _Transaction, *, everything: bool = False) -> bool:
    """Join the rows of hours in which enough was appended, by a third, that it pays.

    So that late calls of many hours do not rewrite all of them each time. ``everything``: of all
    hours in which anything was appended; rows that came to nothing are gone afterwards. The oldest
    hours only, if there is more than one transaction has room for: False then.
    """
    is_all = True
    for each in _ALL:
        unit = each.unit
        found = transaction.execute(
            f"select {unit} as start, count(*) as rows from {each.table} group by {unit} "  # noqa: S608  # a table of ours
            "having bool_or(is_delta) and (? or count(*) filter (where is_delta) * 4 >= count(*)) "
            f"order by {unit}",
            [everything],
        )
        starts = _first(found.to_pylist())
        is_all &= len(starts) == found.num_rows
        if not starts:
            continue
        these = f"{unit} between ? and ? and {unit} in (select unnest(?::timestamp[]))"
        bounds = [starts[0], starts[-1], starts]
        transaction.execute(f"create temp table folded as {each.joined(these)}", bounds)
        transaction.execute(f"delete from {each.table} where {these}", bounds)  # noqa: S608  # a table of ours
        transaction.execute(
            f"insert into {each.table} by name select * from folded order by {unit}"  # noqa: S608  # as above
        )
        transaction.execute("drop table temp.folded")
    return is_all


def _first(found: Sequence[Mapping[str, Any]]) -> list[datetime]:
    """Return the first hours or days, as many as have the rows that a transaction has room for."""
    starts: list[datetime] = []
    rows = 0
    for each in found:
        starts.append(each["start"])
        rows += each["rows"]
        if rows >= _ROWS_AT_ONCE:
            break
    return starts


def loose_rows(transaction: _Transaction) -> int:
    """Return how many rows were appended and not joined yet."""
    counts = " + ".join(
        f"(select count(*) from {each.table} where is_delta)"  # noqa: S608  # a table of ours
        for each in _ALL
    )
    (found,) = transaction.execute(f"select {counts} as loose").to_pylist()
    return found["loose"]


def bring_up_to_date(transaction: _Transaction) -> None:
    """Build the rollups from the spans if a store has none yet, or some of another meaning."""
    found = transaction.execute("select value from _meta where key = ?", [_MADE_BY])
    if found.column("value").to_pylist() != [_DEFINITION]:
        rebuild(transaction)
        transaction.execute("delete from _meta where key = ?", [_MADE_BY])
        transaction.execute("insert into _meta values (?, ?)", [_MADE_BY, _DEFINITION])


def rebuild(transaction: _Transaction) -> None:
    """Build the rollups anew from the spans; hours whose spans may be gone stay as they are.

    The sums by user are dropped; they are added up again as if they had never been there.
    """
    drop_all(transaction)
    first = whole_since(transaction)
    stretches = _stretches(transaction, first)
    for each in HOURLY:
        transaction.execute(f"delete from {each.table} where hour >= ?", [first])  # noqa: S608  # a table of ours
        for bounds in stretches:
            _append(transaction, each.rows(SPANS, _WITHIN, is_delta=False), each, bounds)


def differences(transaction: _Transaction) -> int:
    """Return how many rows of the rollups are not what the spans say; hours as in ``rebuild``."""
    first = whole_since(transaction)
    stretches = _stretches(transaction, first)
    days = known_days(transaction)
    held = [(each, _WITHIN) for each in HOURLY]
    held.append((USER_DAYS, f"{_WITHIN} and {days.condition if days else 'false'}"))
    found = 0
    for each, these in held:
        within = f"{each.unit} >= ? and {each.unit} < ?"
        stored = f"select * exclude (is_delta) from ({each.joined(within)})"  # noqa: S608  # text of ours
        told = f"select * exclude (is_delta) from ({each.rows('spans', these)})"  # noqa: S608  # as above
        query = (
            f"select count(*) as rows from ((from ({stored}) except all from ({told})) "  # noqa: S608  # as above
            f"union all (from ({told}) except all from ({stored})))"
        )
        for bounds in stretches:
            (row,) = transaction.execute(query, [*bounds] * 4).to_pylist()
            found += row["rows"]
    return found


def note_deleted_spans(transaction: _Transaction, before: datetime) -> None:
    """Remember that spans which began before a time (naive UTC) are being deleted."""
    if before > (spans_since(transaction) or _FIRST):
        note_spans_since(transaction, before)
        keep_from(transaction, before)


def whole_since(transaction: _Transaction) -> datetime:
    """Return the first hour (naive UTC) from which on all spans are there."""
    since = spans_since(transaction) or _FIRST
    hour = since.replace(minute=0, second=0, microsecond=0)
    return hour if hour == since else hour + _HOUR


def erase_feature(transaction: _Transaction, name: str) -> None:
    """Take a name that was a user's id out of hours whose spans are gone.

    A feature that spans of the hour still have is another's, and stays.
    """
    transaction.execute(
        f"update {CALLS.table} set feature = null "  # noqa: S608  # a table of ours
        "where feature = ? and hour not in (select date_trunc('hour', start_time) from spans "
        "where is_inference and feature = ?)",
        [name, name],
    )


def _stretches(transaction: _Transaction, first: datetime) -> list[tuple[datetime, datetime]]:
    """Return bounds of whole days with some hundred thousand calls each: one step's memory."""
    tables = " union all ".join(
        f"select date_trunc('day', {each.unit}) as day, 0 as calls from {each.table} "  # noqa: S608  # a table of ours
        f"where {each.unit} >= ?"
        for each in _ALL
    )
    found = transaction.execute(
        "select day, sum(calls)::bigint as calls from ("  # noqa: S608  # as above
        "select date_trunc('day', start_time) as day, 1 as calls from spans "
        f"where is_inference and start_time >= ? union all {tables}) group by day order by day",
        [first] * (1 + len(_ALL)),
    )
    stretches: list[tuple[datetime, datetime]] = []
    begun, calls = first, 0
    for row in found.to_pylist():
        calls += row["calls"]
        end: datetime = row["day"] + timedelta(days=1)
        if calls >= _CALLS_PER_STEP:
            stretches.append((begun, end))
            begun, calls = end, 0
        elif row["day"] == found.column("day")[-1].as_py():
            stretches.append((begun, end))
    return stretches


def _append(
    transaction: _Transaction,
    rows: str,
    rollup: Rollup,
    parameters: Sequence[object] = (),
    incoming: pa.Table | None = None,
) -> int:
    done = transaction.execute(
        f"insert into {rollup.table} by name {rows}",
        parameters,
        incoming=incoming,
    )
    return _count_of(done)


def _count_of(done: pa.Table) -> int:
    (row,) = done.to_pylist()
    return row["Count"]
