"""What stored calls would have cost at other prices. Nothing stored is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from llmtrace.otlp.rows import SpanRow
from llmtrace.store.pricing import book_pricer
from llmtrace.store.queries import calls_by_list_price

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace.pricing import PriceBook
    from llmtrace.store.reading import Store

MAX_CALLS: Final = 100_000
_ZERO: Final = Decimal(0)


@dataclass(slots=True, kw_only=True)
class ModelCosts:
    """The calls of one model at two price books."""

    provider: str | None
    model: str | None
    calls: int = 0
    before_usd: Decimal = _ZERO
    after_usd: Decimal = _ZERO
    unpriced_before: int = 0
    unpriced_after: int = 0


def compare_costs(
    store: Store, since: datetime, before: PriceBook, after: PriceBook
) -> tuple[list[ModelCosts], bool]:
    """Return what the calls since ``since`` cost at two price books, by model, dearest first.

    Only calls that the price list prices; of more than ``MAX_CALLS`` the newest. The second value
    says if some were left out.
    """
    rows = calls_by_list_price(store, since, limit=MAX_CALLS).to_pylist(maps_as_pydicts="lossy")
    prices = [book_pricer(book) for book in (before, after)]
    found: dict[tuple[object, object], ModelCosts] = {}
    for told in rows:
        row = span_row(told)
        old, new = (price(row).cost_usd for price in prices)
        model = row.response_model or row.request_model
        costs = found.setdefault(
            (row.provider, model), ModelCosts(provider=row.provider, model=model)
        )
        costs.calls += 1
        costs.before_usd += old or _ZERO
        costs.after_usd += new or _ZERO
        costs.unpriced_before += old is None
        costs.unpriced_after += new is None
    ordered = sorted(found.values(), key=lambda costs: costs.after_usd, reverse=True)
    return ordered, len(rows) >= MAX_CALLS


_COLUMNS: Final = frozenset(SpanRow._fields)


def span_row(told: dict[str, Any]) -> SpanRow:
    """Return a stored call's columns as the row that a ``Pricer`` takes; its ids are made up."""
    start = int(told["start_time"].replace(tzinfo=UTC).timestamp()) * 1_000_000
    given = {name: value for name, value in told.items() if name in _COLUMNS}
    given["attributes"] = told["attributes"] or {}
    return SpanRow(
        trace_id=b"\1" * 16,
        span_id=1,
        start_time_us=start,
        end_time_us=start,
        duration_ns=None,
        is_inference=True,
        **given,
    )
