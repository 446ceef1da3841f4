"""Sums by user and UTC day, of days that are over: which days there are, and the next ones.

A user's calls of a day are many, those of an hour are few, so that only days are worth it; and only
days that are over, so that storing costs nothing more. The days are a range without a gap, kept in
``_meta``; what arrives late, changes or goes within it does so in these sums too, in the same
transaction (``rollups``). Days of which spans may have been deleted are none of them: by user only
the spans themselves are asked then, and nobody's id outlives them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from llmtrace.clock import unix_ns
from llmtrace.store.rollup_rows import CALLS, SPANS, USER_DAYS
from llmtrace.store.spans_since import spans_since

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

USER_DAYS_KNOWN: Final = "user_days"
"""Key in ``_meta``: ``Days`` as text."""
_DAY: Final = timedelta(days=1)
_NEVER: Final = datetime(1, 1, 1)  # noqa: DTZ001  # naive UTC, as stored
_OVER_FOR: Final = timedelta(hours=1)
"""After which most of a day has arrived."""
_CALLS_AT_ONCE: Final = 300_000
_WORTH_IT: Final = 3
"""Calls for each row, at least: else the calls are as soon asked, and the rows only take room."""


class _Transaction(Protocol):
    def execute(
        self, sql: str, parameters: Sequence[object] = (), *, incoming: pa.Table | None = None
    ) -> pa.Table: ...


class Days(NamedTuple):
    """A range of whole UTC days, naive as stored; empty if both are the same."""

    first: datetime
    end: datetime
    edition: int = 0
    """Raised whenever a day goes: who planned with an earlier one may have missed it."""

    @classmethod
    def of(cls, told: str) -> Days:
        """Read the value in ``_meta``: two times and a number, with blanks between."""
        first, end, edition = told.split()
        return cls(datetime.fromisoformat(first), datetime.fromisoformat(end), int(edition))

    def __str__(self) -> str:
        """Return the value in ``_meta``."""
        return f"{self.first.isoformat()} {self.end.isoformat()} {self.edition}"

    @property
    def end_us(self) -> int:
        """Return the end in microseconds since 1970."""
        return unix_ns(self.end.replace(tzinfo=UTC)) // 1_000

    @property
    def condition(self) -> str:
        """Return which calls are of these days, as SQL: times of ours."""
        return f"start_time >= timestamp '{self.first}' and start_time < timestamp '{self.end}'"


_NONE: Final = Days(_NEVER, _NEVER)


def known_days(transaction: _Transaction) -> Days | None:
    """Return the days whose sums there are; None if there are none yet."""
    found = transaction.execute("select value from _meta where key = ?", [USER_DAYS_KNOWN])
    values = found.column("value").to_pylist()
    return Days.of(values[0]) if values else None


def add_next_days(transaction: _Transaction, now: datetime) -> bool:
    """Add up the next days that are over, some hundred thousand calls; say if more are left.

    ``now``: naive UTC.
    """
    since = spans_since(transaction)
    if since is not None:  # the hours know of earlier days, the spans no more
        keep_from(transaction, since)
    known = known_days(transaction) or _NONE
    found = _calls_by_day(transaction, known.end, _midnight(now - _OVER_FOR))
    if not found:
        return False
    calls, days = 0, 0
    while days < len(found) and (not days or calls + found[days]["calls"] <= _CALLS_AT_ONCE):
        calls += found[days]["calls"]
        days += 1
    is_first = known.first == known.end
    new = Days(found[0]["day"] if is_first else known.end, found[days - 1]["day"] + _DAY)
    rows = USER_DAYS.rows(SPANS, new.condition, is_delta=False)
    transaction.execute(f"insert into {USER_DAYS.table} by name {rows}")
    if not _are_worth_it(transaction):
        _note(transaction, Days(new.end, new.end, known.edition + 1))
    else:
        first = new.first if is_first else known.first
        _note(transaction, Days(first, new.end, known.edition))
    return days < len(found)


def keep_from(transaction: _Transaction, before: datetime) -> None:
    """Have no day that began before a time (naive UTC): its spans are deleted, or will be."""
    known = known_days(transaction) or _NONE
    if known.first >= before:
        return
    midnight = _midnight(before)
    first = midnight if midnight == before else midnight + _DAY
    _note(transaction, Days(first, max(first, known.end), known.edition + 1))


def drop_all(transaction: _Transaction) -> None:
    """Drop all of them, to be added up anew."""
    known = known_days(transaction)
    if known is not None:
        transaction.execute(f"delete from {USER_DAYS.table}")  # noqa: S608  # a table of ours
        _note(transaction, _NONE._replace(edition=known.edition + 1))


def _calls_by_day(
    transaction: _Transaction, first: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Return ``day`` and ``calls`` of the days that have any."""
    return transaction.execute(
        "select date_trunc('day', hour) as day, sum(call_count)::bigint as calls "  # noqa: S608  # a table of ours
        f"from {CALLS.table} where hour >= ? and hour < ? "
        "group by day having sum(call_count) > 0 order by day",
        [first, end],
    ).to_pylist()


def _are_worth_it(transaction: _Transaction) -> bool:
    """Say whether all days together are short enough: one day of a crawler does not undo them."""
    (found,) = transaction.execute(
        f"select count(*) as rows, sum(call_count) as calls from {USER_DAYS.table}"  # noqa: S608  # a table of ours
    ).to_pylist()
    return found["rows"] * _WORTH_IT <= (found["calls"] or 0)


def _note(transaction: _Transaction, days: Days) -> None:
    """Remember a range, and leave nothing outside of it."""
    transaction.execute(f"delete from {USER_DAYS.table} where day < ?", [days.first])  # noqa: S608  # a table of ours
    transaction.execute("delete from _meta where key = ?", [USER_DAYS_KNOWN])
    transaction.execute("insert into _meta values (?, ?)", [USER_DAYS_KNOWN, str(days)])


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
