"""What ``data`` hands to the pages, as frozen records. Nothing here reads or computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from dashboards.address import Choice
    from llmtrace.store.metric_time import Grain
    from llmtrace.store.queries import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the filter bar says."""

    scope: Scope
    grain: Grain
    zone: str
    now: datetime
    range: str
    choice: Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measure now, how it changed against the range before, and its course."""

    value: Any
    change: float | None
    """Relative (0.5 is half more); for a rate, in points of the rate."""
    course: list[float]
    """By bucket, the last and partial one left out."""
    unpriced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Cost of one series in one bucket of time."""

    time_ms: int
    series: str
    cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Spender:
    """One value of a dimension and what it cost."""

    name: str | None
    cost: Decimal | None
    share: float | None
    change: float | None
    requests: int
    cost_per_request: Decimal | None
    unpriced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One figure of one series in one bucket of time."""

    time_ms: int
    """As ``asking.wall_ms`` gives it."""
    series: str
    value: float
