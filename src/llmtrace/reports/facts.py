"""What a report states, as figures of the metric layer. No wording, no SQL."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from llmtrace.store.comparison import change_ratio, per_1k_tokens, share
from llmtrace.store.metrics import MetricQuery, run_metrics
from llmtrace.store.queries import first_call_at
from llmtrace.store.usual import PERIODS, Usual, usual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from llmtrace.reports.spans import Range, Span
    from llmtrace.store.reading import Store

Row = dict[str, Any]

MEASURES: Final = (
    "requests",
    "errors",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cost",
)
"""What every report has of each row."""
MORE_MEASURES: Final = ("cost_per_request", "total_tokens", "cache_savings")
MOVERS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """A value of the dimension whose cost changed much."""

    value: str | None
    before: Decimal
    """0: nothing was called."""
    now: Decimal
    change: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a report stands to the time before."""

    start: datetime
    end: datetime
    total: Row
    """``cost``, ``requests``, ``errors``, ``unpriced_count`` of the time before."""
    change: float | None
    """Of the cost: 0.5 is half more; None if either is unknown or nothing was before."""
    usual: Usual
    movers: tuple[Mover, ...]
    """The largest changes of cost, either way; nothing of which a cost is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a range of time cost, by one dimension, the dearest first."""

    by: str
    span: Span
    rows: list[Row]
    """The dimension (None: has none), the measures, ``unpriced_count``, ``share`` of the cost (0
    to 1), ``cost_per_1k_tokens``; compared, also ``previous_cost`` and ``change``. Cost is None
    where nothing is priced."""
    total: Row
    """The same of all calls, without the dimension."""
    unpriced: list[tuple[str | None, int]]
    """Models that have no price, and how many calls."""
    filters: Mapping[str, Sequence[str | None]] = field(default_factory=dict[str, "list[str]"])
    comparison: Comparison | None = None


def make_report(
    store: Store,
    *,
    by: str,
    span: Span,
    filters: Mapping[str, Sequence[str | None]] | None = None,
    is_compared: bool = True,
) -> Report:
    """Ask the metric layer. Raises QueryError for an unknown dimension, StoreError.

    ``is_compared`` False leaves out the time before and what is usual, which cost ten questions.
    """
    kept = dict(filters or {})
    ask = _Asker(store, span.timezone, kept)
    within = (span.start, span.end)
    rows = ask(within, (*MEASURES, *MORE_MEASURES), by=by, order_by=("-cost", "-requests"))
    (total,) = ask(within, (*MEASURES, *MORE_MEASURES))
    models = ask(within, ("unpriced_count",), by="model", order_by=("-unpriced_count",))
    for row in (*rows, total):
        row["share"] = share(row["cost"], total["cost"])
        row["cost_per_1k_tokens"] = per_1k_tokens(
            row["cost"], row["total_tokens"], unpriced=row["unpriced_count"]
        )
    return Report(
        by=by,
        span=span,
        rows=rows,
        total=total,
        unpriced=[(row["model"], row["unpriced_count"]) for row in models if row["unpriced_count"]],
        filters=kept,
        comparison=_compare(ask, store, by, span, rows, total) if is_compared else None,
    )


@dataclass(frozen=True, slots=True)
class _Asker:
    store: Store
    timezone: str
    filters: Mapping[str, Sequence[str | None]]

    def __call__(
        self,
        within: Range,
        measures: tuple[str, ...],
        *,
        by: str | None = None,
        order_by: tuple[str, ...] = (),
    ) -> list[Row]:
        query = MetricQuery(
            measures=measures,
            start=within[0],
            end=within[1],
            by=() if by is None else (by,),
            timezone=self.timezone,
            filters=self.filters,
            order_by=order_by,
        )
        return run_metrics(self.store, query).to_pylist()


def _compare(
    ask: _Asker, store: Store, by: str, span: Span, rows: list[Row], total: Row
) -> Comparison:
    before = span.before()
    previous = {row[by]: row for row in ask(before, ("cost",), by=by)}
    for row in rows:
        row["previous_cost"] = spent(previous.get(row[by]))
        row["change"] = change_ratio(spent(row), row["previous_cost"])
    (previous_total,) = ask(before, ("cost", "requests", "errors"))
    total["previous_cost"] = spent(previous_total)
    total["change"] = change_ratio(spent(total), total["previous_cost"])
    return Comparison(
        start=before[0],
        end=before[1],
        total=previous_total,
        change=total["change"],
        usual=_usual(total, _earlier_costs(ask, store, span)),
        movers=_movers(by, rows, previous),
    )


def _usual(total: Row, earlier: list[Decimal]) -> Usual:
    found = usual(spent(total), earlier)
    # What has no price may be what is missing.
    is_doubtful = found.verdict == "low" and total["unpriced_count"]
    return replace(found, verdict="unknown") if is_doubtful else found


def _earlier_costs(ask: _Asker, store: Store, span: Span) -> list[Decimal]:
    """Return what earlier spans cost; only those that lie within what is stored."""
    first = first_call_at(store)
    if first is None:
        return []
    oldest = first.replace(tzinfo=UTC)
    found = [
        spent(ask(within, ("cost", "requests"))[0])
        for within in span.earlier(PERIODS)
        if within[0] >= oldest
    ]
    return [cost for cost in found if cost is not None]


def spent(row: Row | None) -> Decimal | None:
    """Return the cost of a row: 0 if there was nothing to pay, None if that is unknown."""
    if row is None:
        return Decimal(0)
    if row["cost"] is None:
        return None if row["unpriced_count"] else Decimal(0)
    return row["cost"]


def _movers(by: str, rows: list[Row], previous: Mapping[Any, Row]) -> tuple[Mover, ...]:
    current = {row[by]: row for row in rows}
    found: list[Mover] = []
    for value in {**current, **previous}:
        now, before = spent(current.get(value)), spent(previous.get(value))
        if now is not None and before is not None and now != before:
            found.append(Mover(value=value, before=before, now=now, change=now - before))
    # The name parts equal changes, so that the same figures make the same report.
    found.sort(key=lambda mover: (-abs(mover.change), mover.value or ""))
    return tuple(found[:MOVERS])
