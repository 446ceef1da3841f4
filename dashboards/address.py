"""What a page's URL says, as a ``Choice``, and back. Pure; nothing is raised, whatever the URL.

A link is somebody else's text: what is not understood is left out, and ``Choice.notes`` says so.
The names are those of the filter bar's widgets; ``docs/dashboards.md`` has the table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import available_timezones

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RANGES: Final = ("1h", "24h", "7d", "30d", "MTD")
CUSTOM: Final = "Custom"
DEFAULT_RANGE: Final = "24h"
DIMENSIONS: Final = ("environment", "provider", "model", "tenant", "user", "feature")
REFRESHES: Final[dict[str, int | None]] = {
    "off": None,
    "10s": 10,
    "30s": 30,
    "1m": 60,
    "5m": 300,
}
"""Name → seconds between two looks."""
BROWSER: Final = "browser"
"""Names the browser's own time zone, the default."""
DEFAULT_REFRESH: Final = "30s"
NAMES: Final = (
    "range", "days", "from", "to", *DIMENSIONS, "tag", "compare", "tables", "zone", "refresh",
)  # fmt: skip
"""All parameters that are the filter bar's."""
MAX_VALUES: Final = 100
"""Values of one parameter; what is beyond is left out."""
MAX_CHARACTERS: Final = 1_000
_FIRST_YEAR: Final = 2_000
_LAST_YEAR: Final = 2_199
_MAX_DAYS: Final = 3_660
_FLAGS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a viewer chose to look at. The default is what a URL without parameters says."""

    range: str = DEFAULT_RANGE
    """One of ``RANGES``, or ``CUSTOM``."""
    days: tuple[date, date] | None = None
    """First and last day, both in, in the viewer's zone."""
    moments: tuple[datetime, datetime] | None = None
    """Aware, to the second: the first that is in and the first that is out. Either these or the
    days are given exactly if the range is custom."""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, "tuple[str, ...]"])
    """Dimension → values, none of them empty. Tags are ``tag.<key>``, as in the metric layer."""
    compare: bool = True
    """Show how figures changed against the range before."""
    tables: bool = False
    """Show charts as tables."""
    zone: str | None = None
    """IANA name; None: the browser's."""
    refresh: str = DEFAULT_REFRESH
    """A name in ``REFRESHES``."""
    notes: tuple[str, ...] = ()
    """What was not understood, for people; holds text of the URL."""


def parse(parameters: Mapping[str, Sequence[str]]) -> Choice:
    """Return what a URL's parameters (name → values) choose; other names are not looked at."""
    notes: list[str] = []
    span, days, moments = _range(parameters, notes)
    filters: dict[str, tuple[str, ...]] = {}
    for name in DIMENSIONS:
        values = _values(name, parameters, notes)
        if values:
            filters[name] = values
    filters.update(_tags(parameters, notes))
    return Choice(
        range=span,
        days=days,
        moments=moments,
        filters=filters,
        compare=_flag("compare", parameters, notes, default=True),
        tables=_flag("tables", parameters, notes, default=False),
        zone=_zone(parameters, notes),
        refresh=_one_of("refresh", parameters, notes, known=REFRESHES.__contains__)
        or DEFAULT_REFRESH,
        notes=tuple(notes),
    )


def serialise(choice: Choice) -> dict[str, list[str]]:
    """Return the parameters that choose this; ``parse`` takes them back. Defaults are left out."""
    found: dict[str, list[str]] = {}
    if choice.range != DEFAULT_RANGE:
        found["range"] = [choice.range]
    if choice.days is not None:
        found["days"] = [day.isoformat() for day in choice.days]
    if choice.moments is not None:
        found["from"], found["to"] = ([moment_text(each)] for each in choice.moments)
    for name, values in choice.filters.items():
        if name.startswith("tag."):
            key = name.removeprefix("tag.")
            found.setdefault("tag", []).extend(f"{key}={value}" for value in values)
        else:
            found[name] = list(values)
    if not choice.compare:
        found["compare"] = ["false"]
    if choice.tables:
        found["tables"] = ["true"]
    if choice.zone is not None:
        found["zone"] = [choice.zone]
    if choice.refresh != DEFAULT_REFRESH:
        found["refresh"] = [choice.refresh]
    return found


def moment_text(moment: datetime) -> str:
    """Return an aware moment as ``from`` and ``to`` have it: UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def is_zone(name: str) -> bool:
    """Say whether a name is an IANA time zone's."""
    return name in zones()


@cache
def zones() -> tuple[str, ...]:
    """Return the names of all time zones, in order."""
    return tuple(sorted(available_timezones()))


def _range(
    parameters: Mapping[str, Sequence[str]], notes: list[str]
) -> tuple[str, tuple[date, date] | None, tuple[datetime, datetime] | None]:
    span = _one_of("range", parameters, notes, known=(*RANGES, CUSTOM).__contains__)
    if span != CUSTOM:
        return span or DEFAULT_RANGE, None, None
    moments = _moments(parameters)
    if moments is not None:
        return CUSTOM, None, moments
    days = _days(parameters.get("days", ()))
    if days is None:
        notes.append(
            "A custom range needs its first and its last day, or two moments (from and to, as "
            f"2026-11-18T12:00:00Z), {_MAX_DAYS:,} days apart at most; {DEFAULT_RANGE} is shown."
        )
        return DEFAULT_RANGE, None, None
    return CUSTOM, days, None


def _moments(parameters: Mapping[str, Sequence[str]]) -> tuple[datetime, datetime] | None:
    """Return the two moments, the earlier first; None unless both are given and may be."""
    found: list[datetime] = []
    for name in ("from", "to"):
        text = next((value for value in reversed(parameters.get(name, ())) if value), "")
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                return None
            found.append(moment.astimezone(UTC).replace(microsecond=0))
        except (ValueError, OverflowError):
            return None
    start, end = min(found), max(found)
    if start.year < _FIRST_YEAR or end.year > _LAST_YEAR:
        return None
    return (start, end) if timedelta(0) < end - start <= timedelta(days=_MAX_DAYS) else None


def _days(texts: Sequence[str]) -> tuple[date, date] | None:
    """Return the first and the last day; one day is both."""
    found: list[date] = []
    for text in texts[:2]:
        try:
            found.append(date.fromisoformat(text))
        except ValueError:
            return None
    if not found:
        return None
    first, last = min(found), max(found)
    if first.year < _FIRST_YEAR or last.year > _LAST_YEAR or (last - first).days >= _MAX_DAYS:
        return None
    return first, last


def _values(
    name: str, parameters: Mapping[str, Sequence[str]], notes: list[str]
) -> tuple[str, ...]:
    """Return the values that can be asked for, each once, in their order."""
    given = dict.fromkeys(value for value in parameters.get(name, ()) if value)
    kept = [value for value in given if len(value) <= MAX_CHARACTERS and _is_text(value)]
    left_out = len(given) - len(kept[:MAX_VALUES])
    if left_out:
        notes.append(
            f"{left_out} of the values of {name} left out: at most {MAX_VALUES} of "
            f"{MAX_CHARACTERS:,} characters can be asked for."
        )
    return tuple(kept[:MAX_VALUES])


def _is_text(value: str) -> bool:
    """Say whether it can be sent to the store: half a surrogate pair cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


def _tags(parameters: Mapping[str, Sequence[str]], notes: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for pair in _values("tag", parameters, notes):
        key, is_pair, value = pair.partition("=")
        if key and is_pair and value:
            found.setdefault(f"tag.{key}", []).append(value)
        else:
            notes.append(f"The tag {_shown(pair)} is not key=value; it filters nothing.")
    return {name: tuple(values) for name, values in found.items()}


def _zone(parameters: Mapping[str, Sequence[str]], notes: list[str]) -> str | None:
    name = _one_of("zone", parameters, notes, known=(BROWSER, *zones()).__contains__)
    return None if name in ("", BROWSER) else name


def _flag(
    name: str, parameters: Mapping[str, Sequence[str]], notes: list[str], *, default: bool
) -> bool:
    text = _one_of(name, parameters, notes, known=lambda value: value.lower() in _FLAGS)
    return _FLAGS[text.lower()] if text else default


def _one_of(
    name: str,
    parameters: Mapping[str, Sequence[str]],
    notes: list[str],
    *,
    known: Callable[[str], bool],
) -> str:
    """Return the last value of a parameter if it is known, else nothing."""
    text = next((value for value in reversed(parameters.get(name, ())) if value), "")
    if not text or known(text):
        return text
    notes.append(f"{name}={_shown(text)} is not known; the default is shown.")
    return ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
