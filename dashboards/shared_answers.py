"""One answer for all who look at one value each: a question by model, of which each takes a part.

Whoever goes from one model to the next, or looks at one while somebody else looks at another, asks
the same questions with another filter. Where hourly sums answer, all values together cost little
more than one. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from llmtrace.store.metric_definitions import MEASURES
from llmtrace.store.metric_plan import EXACT_CALLS, is_of_hours
from llmtrace.store.metrics import without_idle_top

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmtrace.store.metrics import MetricQuery

FEW: Final = 40
"""Values of a dimension, at most: an answer about more is long."""
_MANY_HOURS: Final = timedelta(days=8)
OPENED: Final = ("model", "provider", "feature", "environment")
"""Dimensions that have few values and are in the hourly sums, what is looked through most first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A question about one value of a dimension as a part of the question about all of them."""

    query: MetricQuery
    """By the dimension, which comes last if the part is not by it."""
    dimension: str
    part: MetricQuery
    calls: int | None = None
    """Of the range, at most: with more, one answer may be exact and the other not. None: any."""

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
        """Return the part's answer of the rows for all; None: nothing was called, ask for it."""
        (value,) = self.part.filters[self.dimension]
        is_by_it = self.dimension in self.part.by
        found = [
            {name: cell for name, cell in row.items() if is_by_it or name != self.dimension}
            for row in rows
            if row[self.dimension] == value
        ][: self.part.limit]
        if found or self.part.by or self.part.grain:
            return found
        return None


def opened(filters: Mapping[str, Sequence[str | None]]) -> str | None:
    """Return the dimension of which one value is chosen, and of which others will be; or None."""
    return next((name for name in OPENED if len(filters.get(name, ())) == 1), None)


def shared(query: MetricQuery) -> Shared | None:
    """Return a question as a part of another; None if it costs no less so, or says another thing.

    What is by user or tag has a row for each already, and many hours have many; a percentile by
    hour is exact for more calls where it is parted (``metric_plan``), so that the two say the same
    only of few; who is at the top is decided among those of the filter.
    """
    query = without_idle_top(query)
    dimension = opened(query.filters)
    if dimension is None or query.top is not None or not is_of_hours(query):
        return None
    if query.grain == "hour" and query.end - query.start > _MANY_HOURS:
        return None
    has_percentiles = any(MEASURES[name].percentile for name in query.measures)
    others = {name: values for name, values in query.filters.items() if name != dimension}
    by = query.by if dimension in query.by else (*query.by, dimension)
    whole = replace(query, by=by, filters=others, limit=None)
    calls = EXACT_CALLS if query.grain == "hour" and has_percentiles else None
    return Shared(query=whole, dimension=dimension, part=query, calls=calls)
