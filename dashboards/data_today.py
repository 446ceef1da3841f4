"""What the Overview says of today in words: how much, is it usual, on what, for whom, what next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from dashboards import data, data_cost
from dashboards.address import CUSTOM
from dashboards.asking import ask, scoped, since
from llmtrace.store.comparison import share

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from dashboards.address import Choice
    from dashboards.figures import View
    from llmtrace.store.usual import Usual

__all__ = ["Next", "Today", "Top", "today", "todays_calls"]

Next = Literal["alert", "spike", "price", "savings"]
"""What to look at first: a critical alert; that today is unusually high; another alert; calls
without a price; else what could be saved."""
_BY: Final = ("model", "feature", "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """The named value of a dimension that cost most today."""

    name: str
    share: float
    """Of today's cost, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """Since midnight of the viewer's zone, of the calls that the filters leave."""

    spent: Decimal | None
    """USD; None: no call of today has a price."""
    requests: int
    unpriced: int
    change: float | None
    """Against yesterday up to the same time."""
    weekday: str
    until: int
    """Whole hours that are over: what ``usual`` holds ``spent_by_then`` against."""
    spent_by_then: Decimal | None
    usual: Usual
    top: dict[str, Top]
    """Dimension → who leads it; without those of which no call names one, or that cost nothing."""
    next: Next


def today(shown: View) -> Today:
    """Return it."""
    spent = data.today(shown)
    course = data_cost.today(shown)
    local = shown.now.astimezone(ZoneInfo(shown.zone))
    return Today(
        spent=spent.value,
        requests=data.since_midnight(shown)["requests"],
        unpriced=spent.unpriced,
        change=spent.change,
        weekday=f"{local:%A}",
        until=course.until,
        spent_by_then=course.hours[course.until - 1].spent if course.until else None,
        usual=course.usual,
        top=_tops(shown, since("day", shown.now, shown.zone), spent.value),
        next=_next(course.usual, spent.unpriced),
    )


def todays_calls(shown: View) -> Choice:
    """Return the same filters with today as the range."""
    day = shown.now.astimezone(ZoneInfo(shown.zone)).date()
    return replace(shown.choice, range=CUSTOM, days=(day, day), moments=None)


def _tops(shown: View, begin: datetime, spent: Decimal | None) -> dict[str, Top]:
    if not spent:
        return {}
    found: dict[str, Top] = {}
    for by in _BY:
        chosen = shown.choice.filters.get(by, ())
        if len(chosen) == 1:
            found[by] = Top(name=chosen[0], share=1.0)
            continue
        # Two, for the first may be the calls that name none.
        query = scoped(shown, "cost", by=(by,), start=begin, end=shown.now,
                       order_by=("-cost",), limit=2)  # fmt: skip
        for row in ask(query):
            part = share(row["cost"], spent)
            if row[by] is not None and part:
                found[by] = Top(name=row[by], share=part)
                break
    return found


def _next(usual: Usual, unpriced: int) -> Next:
    alerts = data.alerts()
    if usual.verdict == "high" and not any(each["severity"] == "critical" for each in alerts):
        return "spike"
    if alerts:
        return "alert"
    return "price" if unpriced else "savings"
