"""Changes of alerts → from when to when each was pending or firing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from llmtrace.store.alert_rows import HistoryRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One stretch of time in which one alert was pending or firing."""

    rule_id: str
    key: str
    episode: str
    """Empty while pending."""
    state: Literal["pending", "firing"]
    severity: str
    summary: str
    start: datetime
    end: datetime | None
    """None: not over yet."""


def bands_of(changes: Iterable[HistoryRow]) -> list[Band]:
    """Return the stretches of changes that come oldest first, in order of their start."""
    open_since: dict[str, HistoryRow] = {}
    found: list[Band] = []
    for change in changes:
        before = open_since.pop(change.key, None)
        if before is not None:
            found.append(_band(before, change.tick))
        if change.kind in ("pending", "firing"):
            open_since[change.key] = change
    found += [_band(change, None) for change in open_since.values()]
    return sorted(found, key=lambda band: (band.start, band.rule_id, band.key))


def _band(change: HistoryRow, end: datetime | None) -> Band:
    return Band(
        rule_id=change.rule_id,
        key=change.key,
        episode=change.episode,
        state="firing" if change.kind == "firing" else "pending",
        severity=change.severity,
        summary=change.summary,
        start=change.tick,
        end=end,
    )
