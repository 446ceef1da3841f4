"""Where a minute, hour, day, week and month begin, in a time zone; for SQL and for Python alike.

Days, weeks (Monday) and months begin at local midnight, so a day has 23 or 25 hours when the clock
changes. Minutes and hours are cut from the local clock but keep apart the hour that comes twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llmtrace.errors import QueryError

Grain = Literal["minute", "hour", "day", "week", "month"]

_LOCAL: Final = "timezone(?, timezone('UTC', start_time))"
_SHORT: Final = "start_time - ({local} - date_trunc('{grain}', {local}))"
_LONG: Final = "timezone('UTC', timezone(?, date_trunc('{grain}', {local})))"

BUCKETS: Final[dict[str, str]] = {
    **{grain: _SHORT.format(grain=grain, local=_LOCAL) for grain in ("minute", "hour")},
    **{grain: _LONG.format(grain=grain, local=_LOCAL) for grain in ("day", "week", "month")},
}
"""Grain → SQL for the UTC moment at which a call's bucket begins; every ``?`` is the time zone."""


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
