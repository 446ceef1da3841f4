"""Where a minute, hour, day, week and month begin, in a time zone; for SQL and for Python alike.

Days, weeks (Monday) and months begin at local midnight, so a day has 23 or 25 hours when the clock
changes. Minutes and hours are cut from the local clock but keep apart the hour that comes twice.

To ask the database for the local time of each call takes it thirty times as long as to add the call
up. Where a zone's hours begin with those of UTC, as nearly all do, it is only told in which bucket
each hour is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llmtrace.errors import QueryError

Grain = Literal["minute", "hour", "day", "week", "month"]

_HOUR_S: Final = 3_600
_LOCAL: Final = "timezone(?, timezone('UTC', start_time))"
_SHORT: Final = "start_time - ({local} - date_trunc('{grain}', {local}))"
_LONG: Final = "timezone('UTC', timezone(?, date_trunc('{grain}', {local})))"

BUCKETS: Final[dict[str, str]] = {
    **{grain: _SHORT.format(grain=grain, local=_LOCAL) for grain in ("minute", "hour")},
    **{grain: _LONG.format(grain=grain, local=_LOCAL) for grain in ("day", "week", "month")},
}
"""Grain → SQL for the UTC moment at which a call's bucket begins; every ``?`` is the time zone."""
YEARS: Final = range(1970, 2200)
"""Years in which the offsets of a zone are looked up one by one."""
_MAX_HOURS: Final = 100_000
_BY_HOUR: Final = "make_timestamp((?::bigint[])[epoch_us(start_time) // 3600000000 - ?])"


def bucket_sql(
    start: datetime, end: datetime, grain: Grain, timezone: str
) -> tuple[str, list[object]]:
    """Return SQL for the beginning of the bucket of a ``start_time`` in [start, end).

    With what its ``?`` stand for. Also of whole hours that begin before ``start`` and end after it.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start.year in YEARS and end.year in YEARS and has_whole_hours(timezone, start, end):
        if grain in ("minute", "hour"):
            return f"date_trunc('{grain}', start_time)", []
        first, last = (int(moment.timestamp()) // _HOUR_S for moment in (start, end))
        if last - first < _MAX_HOURS:
            return _BY_HOUR, [list(_bucket_of_hours(first, last, grain, timezone)), first - 1]
    sql = BUCKETS[grain]
    return sql, [timezone] * sql.count("?")


def check_timezone(name: str) -> ZoneInfo:
    """Return the zone, or raise QueryError saying what a name looks like."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise QueryError(
            f"unknown time zone {name!r}; write an IANA name, for example 'Europe/Berlin' or 'UTC'"
        ) from error


def check_range(start: datetime, end: datetime) -> None:
    """Raise QueryError unless both are aware and the start is before the end."""
    for label, moment in (("start", start), ("end", end)):
        if moment.tzinfo is None:
            raise QueryError(f"{label} {moment.isoformat()} has no time zone; give an aware time")
    if start >= end:
        raise QueryError(
            f"the range is empty: start {start.isoformat()} is not before end {end.isoformat()}"
        )


def period_start(moment: datetime, grain: Grain, timezone: str) -> datetime:
    """Return the beginning, in UTC, of the minute, hour, day, week or month of ``moment``."""
    local = moment.astimezone(check_timezone(timezone))
    if grain in ("minute", "hour"):
        since = timedelta(seconds=local.second, microseconds=local.microsecond)
        if grain == "hour":
            since += timedelta(minutes=local.minute)
        return moment.astimezone(UTC) - since
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if grain == "week":
        midnight = (midnight - timedelta(days=midnight.weekday())).replace(fold=0)
    if grain == "month":
        midnight = midnight.replace(day=1)
    return midnight.astimezone(UTC)


def next_start(start: datetime, grain: Grain, timezone: str) -> datetime:
    """Return the beginning, in UTC, of the bucket after the one that begins at ``start``."""
    if grain in ("minute", "hour"):
        return start + (timedelta(minutes=1) if grain == "minute" else timedelta(hours=1))
    local = start.astimezone(check_timezone(timezone))
    # Wall-clock arithmetic: noon of the first day of the next bucket, whatever the clock did.
    days = {"day": 1, "week": 7, "month": 32}[grain]
    return period_start(local.replace(hour=12) + timedelta(days=days), grain, timezone)


def bucket_starts(start: datetime, end: datetime, grain: Grain, timezone: str) -> list[datetime]:
    """Return the beginnings, in UTC, of all buckets that overlap [start, end), in order.

    Raises QueryError if the range is empty.
    """
    check_range(start, end)
    found: list[datetime] = []
    moment = period_start(start, grain, timezone)
    while moment < end:
        found.append(moment)
        moment = next_start(moment, grain, timezone)
    return found


def has_whole_hours(timezone: str, start: datetime, end: datetime) -> bool:
    """Say whether a zone is whole hours from UTC in all years of a range, and their neighbours."""
    return all(_is_of_whole_hours(timezone, year) for year in range(start.year, end.year + 1))


@lru_cache(maxsize=1_024)
def _is_of_whole_hours(timezone: str, year: int) -> bool:
    zone = ZoneInfo(timezone)
    day = datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=2)
    offsets = {(day + timedelta(days=number)).astimezone(zone).utcoffset() for number in range(370)}
    return all(offset is not None and not offset % timedelta(hours=1) for offset in offsets)


@lru_cache(maxsize=256)
def _bucket_of_hours(first: int, last: int, grain: Grain, timezone: str) -> tuple[int, ...]:
    """Return the beginning, in µs, of the bucket of each hour; hours are numbered since 1970."""
    start, end = (datetime.fromtimestamp(hour * _HOUR_S, UTC) for hour in (first, last + 1))
    begun = [int(moment.timestamp()) for moment in bucket_starts(start, end, grain, timezone)]
    found: list[int] = []
    for begins, ends in zip(begun, [*begun[1:], (last + 1) * _HOUR_S], strict=True):
        found += [begins * 1_000_000] * (ends // _HOUR_S - max(begins // _HOUR_S, first))
    return tuple(found)
