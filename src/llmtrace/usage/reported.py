"""The cost that a provider states itself, in its ``usage`` object. No price list here.

OpenRouter and gateways: ``cost``, USD. Perplexity: ``cost.total_cost``, USD. xAI:
``cost_in_usd_ticks``, 1e-10 USD. A stated 0 is a price (free models), not an unknown.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from llmtrace.usage.counts import as_decimal, as_mapping

_USD_PER_TICK: Final = Decimal("1e-10")
_MAX_USD: Final = Decimal(100_000)
"""No single invocation costs that much; beyond it the number is not in USD, or is garbage."""


def read_reported_cost(raw: object) -> Decimal | None:
    """Return what the provider says the call cost, in USD, as written; None if it does not say.

    With the customer's own upstream key OpenRouter's ``cost`` is only its fee; then the upstream's
    cost is added, and if that is not stated the answer is None.
    """
    usage = as_mapping(raw)
    ticks = _usd(usage.get("cost_in_usd_ticks"))
    if ticks is not None:
        return _plausible(ticks * _USD_PER_TICK)
    stated = usage.get("cost")
    if isinstance(stated, dict):
        return _plausible(_usd(as_mapping(usage["cost"]).get("total_cost")))
    cost = _usd(stated)
    if cost is not None and usage.get("is_byok") is True:
        upstream = _usd(as_mapping(usage.get("cost_details")).get("upstream_inference_cost"))
        cost = None if upstream is None else cost + upstream
    return _plausible(cost)


def _usd(value: object) -> Decimal | None:
    number = as_decimal(value)
    return None if number is None or number < 0 else number


def _plausible(cost: Decimal | None) -> Decimal | None:
    return cost if cost is not None and cost <= _MAX_USD else None
