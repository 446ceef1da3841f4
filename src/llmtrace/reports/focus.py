"""Showback: who owes what, as rows of the FinOps FOCUS specification (column names of 1.2). No SQL.

One row a charge period (a day) × tenant × provider × model × application × operation. What has no
price is in no row, for a row without a cost would be read as free; it is counted beside the rows.
The columns are the mandatory ones of 1.2, those of a sub-account, and ``x_`` ones of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from llmtrace.store.metric_time import next_start, period_start
from llmtrace.store.metrics import TIME, MetricQuery, run_metrics

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace.reports.spans import Span
    from llmtrace.store.reading import Store

COLUMNS: Final = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SubAccountId",
    "SubAccountName",
    "x_Application",
    "x_Operation",
    "x_InputTokens",
    "x_OutputTokens",
    "x_UnpricedRequests",
)
_BY: Final = ("tenant", "provider", "model", "service", "operation")
_MEASURES: Final = ("cost", "requests", "total_tokens", "input_tokens", "output_tokens")
_UNKNOWN: Final = "unknown"

Cell = object


@dataclass(frozen=True, slots=True, kw_only=True)
class Showback:
    """Rows under ``COLUMNS``, and what is in none of them."""

    rows: list[list[Cell]]
    unpriced: int
    """Calls without a price: those in no row, and those in the rows' ``x_UnpricedRequests``."""
    left_out: int
    """Groups of calls that have no row because none of their calls has a price."""


def showback(store: Store, span: Span) -> Showback:
    """Ask the metric layer. Raises QueryError if the days have too many rows, StoreError."""
    query = MetricQuery(
        measures=_MEASURES,
        start=span.start,
        end=span.end,
        by=_BY,
        grain="day",
        timezone=span.timezone,
    )
    groups = run_metrics(store, query).to_pylist()
    return Showback(
        rows=[_row(group, span) for group in groups if group["cost"] is not None],
        unpriced=sum(group["unpriced_count"] for group in groups),
        left_out=sum(group["cost"] is None and group["unpriced_count"] > 0 for group in groups),
    )


def _row(group: dict[str, Any], span: Span) -> list[Cell]:
    day = group[TIME].replace(tzinfo=UTC)
    month = period_start(day, "month", span.timezone)
    provider = group["provider"] or _UNKNOWN
    model = group["model"] or _UNKNOWN
    cost, tokens = group["cost"], group["total_tokens"]
    cells: dict[str, Cell] = {
        # One price is known of a call: what was paid for it as far as anyone told us. FOCUS wants
        # all four, and none of them null.
        **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost),
        **dict.fromkeys(("BillingAccountId", "BillingAccountName"), provider),
        **dict.fromkeys(("InvoiceIssuerName", "ProviderName", "PublisherName"), provider),
        **dict.fromkeys(("SubAccountId", "SubAccountName"), group["tenant"]),
        "BillingCurrency": "USD",
        "BillingPeriodStart": _time(month),
        "BillingPeriodEnd": _time(next_start(month, "month", span.timezone)),
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": f"Calls of {model} ({group['operation'] or _UNKNOWN})",
        "ChargeFrequency": "Usage-Based",
        # A range may begin or end within a day.
        "ChargePeriodStart": _time(max(day, span.start)),
        "ChargePeriodEnd": _time(min(next_start(day, "day", span.timezone), span.end)),
        "ConsumedQuantity": tokens,
        "ConsumedUnit": None if tokens is None else "Tokens",
        "PricingQuantity": group["requests"],
        "PricingUnit": "Requests",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": model,
        "ServiceSubcategory": "Generative AI",
        "x_Application": group["service"],
        "x_Operation": group["operation"],
        "x_InputTokens": group["input_tokens"],
        "x_OutputTokens": group["output_tokens"],
        "x_UnpricedRequests": group["unpriced_count"],
    }
    return [cells[name] for name in COLUMNS]


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
