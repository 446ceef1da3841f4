"""What a viewer chose, as the calls that are meant now; and what there is to choose from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zlib import crc32

import streamlit as st

from dashboards.address import CUSTOM, Choice, is_zone
from dashboards.asking import (
    FIELDS,
    STEP_S,
    Place,
    ask,
    open_at,
    place,
    present,
    shared_dimensions,
    shared_filters,
    since,
    step_s,
)
from dashboards.figures import View
from dashboards.shared_answers import opened
from llmtrace.store.metric_time import Grain, check_timezone
from llmtrace.store.metrics import MetricQuery
from llmtrace.store.queries import Scope, known_tags

_LENGTHS: Final[dict[str, tuple[timedelta, Grain]]] = {
    "1h": (timedelta(hours=1), "minute"),
    "24h": (timedelta(hours=24), "hour"),
    "7d": (timedelta(days=7), "hour"),
    "30d": (timedelta(days=30), "day"),
}
_USUAL: Final = ("24h", "7d", "30d")
_DAY: Final = timedelta(days=1)
_KNOWN_FOR: Final = timedelta(days=30)
_KNOWN: Final = 200
_TAG: Final = "tag."


def view(choice: Choice, browser_zone: str | None) -> View:
    """Return what a choice means now, in the viewer's zone; UTC if the browser's is none."""
    zone = zone_of(choice, browser_zone)
    now = present()
    start, end, grain = _range(choice, now, zone)
    fields = {
        FIELDS[name]: values for name, values in choice.filters.items() if not name.startswith(_TAG)
    }
    tags = tuple(
        (name.removeprefix(_TAG), value)
        for name, values in choice.filters.items()
        if name.startswith(_TAG)
        for value in values
    )
    return View(
        scope=Scope(start=start, end=end, **fields, tags=tags),
        grain=grain,
        zone=zone,
        now=now,
        range=choice.range,
        choice=choice,
    )


def zone_of(choice: Choice, browser_zone: str | None) -> str:
    """Return the zone that is chosen, else the browser's, else UTC."""
    zone = choice.zone or browser_zone or "UTC"
    return zone if is_zone(zone) else "UTC"


def moved_on(shown: View) -> View:
    """Return the same choice as of now."""
    return view(shown.choice, shown.zone)


def settled(shown: View, every_s: int | None = None) -> View:
    """Return the same view as of moments that all viewers share for a while.

    ``every_s``: for how long its range; by default as long as an answer about the range is good.
    """
    scope = shown.scope
    # Who looks at something else moves on at another moment: all at once would wait for each other.
    filters = shared_filters(shown.choice.filters)
    ahead_s = crc32(repr(sorted(filters.items())).encode()) * STEP_S if filters else 0
    now = _floor(shown.now, step_s(shown.now - _DAY, shown.now), ahead_s)
    end = _floor(shown.now, every_s or step_s(scope.start, scope.end), ahead_s)
    if scope.end != shown.now or end <= scope.start:
        return replace(shown, now=now)
    # A range of so many hours moves as a whole; a month, or days, keep their beginning.
    start = scope.start - (scope.end - end) if shown.range in _LENGTHS else scope.start
    return replace(shown, now=now, scope=replace(scope, start=start, end=end))


def without_filters(shown: View) -> View:
    """Return what the choice comes to when its filters are taken away."""
    return settled(view(replace(shown.choice, filters={}), shown.zone))


def one_filter_more(shown: View) -> list[View]:
    """Return what one choice more in the filter bar leads to, one view for each dimension.

    Only those whose answers are for all values of a dimension, so that one of them stands for all.
    """
    found: list[View] = []
    for dimension in shared_dimensions():
        for value in known_values(dimension)[:1]:
            filters = {**shown.choice.filters, dimension: (value,)}
            if dimension not in shown.choice.filters and opened(filters) == dimension:
                choice = replace(shown.choice, filters=filters)
                found.append(settled(view(choice, shown.zone)))
    return found


def other_ranges(shown: View) -> list[View]:
    """Return the same view of the other ranges that are looked at most; none beside days."""
    if shown.range == CUSTOM:
        return []
    choices = [replace(shown.choice, range=name) for name in _USUAL if name != shown.range]
    return [settled(view(each, shown.zone)) for each in choices]


def known_values(dimension: str) -> list[str]:
    """Return the 200 values most called in the last 30 days."""
    now = _minute()
    query = MetricQuery(
        measures=("requests",),
        by=(dimension,),
        start=now - _KNOWN_FOR,
        end=now,
        order_by=("-requests",),
        limit=_KNOWN,
    )
    return [row[dimension] for row in ask(query) if row[dimension] is not None]


def known_pairs() -> list[str]:
    """Return the 200 tags most used in the last 30 days, as ``key=value``."""
    return _pairs(place(), _minute() - _KNOWN_FOR)


def _range(choice: Choice, now: datetime, zone: str) -> tuple[datetime, datetime, Grain]:
    if choice.range == CUSTOM and choice.moments is not None:
        return _until_now(*choice.moments, now)
    if choice.range == CUSTOM and choice.days is not None:
        first, last = choice.days
        return _whole_days(first, last, now, zone)
    if choice.range in _LENGTHS:
        length, grain = _LENGTHS[choice.range]
        return now - length, now, grain
    start = since("month", now, zone)
    return start, now, "day" if now - start > timedelta(days=2) else "hour"


def _whole_days(
    first: date, last: date, now: datetime, zone: str
) -> tuple[datetime, datetime, Grain]:
    """Return local midnight to local midnight, or to now if the last day is not over."""
    target = check_timezone(zone)
    start = datetime.combine(first, time(), target).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), time(), target).astimezone(UTC)
    return _until_now(start, end, now)


def _until_now(start: datetime, end: datetime, now: datetime) -> tuple[datetime, datetime, Grain]:
    """Return a range, or as much of it as is past, in steps of which a chart has room for all."""
    if start < now < end:
        end = now
    length = end - start
    if length <= timedelta(hours=3):
        return start, end, "minute"
    return start, end, "hour" if length <= timedelta(days=8) else "day"


def _floor(moment: datetime, step: int, ahead_s: int) -> datetime:
    """Return the last moment that is ``ahead_s`` after a multiple of ``step`` seconds."""
    return moment - timedelta(seconds=(moment.timestamp() - ahead_s) % step)


def _minute() -> datetime:
    # Rounded further up than figures are: what there is to choose from may be a minute old.
    return present().replace(second=0) + timedelta(minutes=1)


@st.cache_data(ttl=60, max_entries=200, show_spinner=False)
def _pairs(where: Place, since: datetime) -> list[str]:
    found = known_tags(open_at(where), since, limit=_KNOWN)
    return [f"{row['key']}={row['value']}" for row in found.to_pylist()]
