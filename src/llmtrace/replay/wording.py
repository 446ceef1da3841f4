"""A plan and its result in words, the same in a terminal and on a page. Pure.

Values come from the store and the provider: whoever shows them makes them harmless.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

    from llmtrace.replay.compare import Comparison, Side
    from llmtrace.replay.plan import ReplayPlan

PREVIEW_LINES: Final = 60
"""Lines of the body that a dry run shows."""


def plan_lines(plan: ReplayPlan, base_url: str | None = None) -> list[str]:
    """Return what would be sent where, the changes, and what it may cost."""
    return [
        f"would send {plan.api} to {base_url or 'the address that the SDK chooses'}",
        f"model      {plan.model or '(none)'}",
        *(f"change     {change}" for change in plan.changes),
        f"cost       {estimate(plan)}",
    ]


def estimate(plan: ReplayPlan) -> str:
    """Return what a plan may cost, or why nobody can say."""
    if plan.estimated_usd is None:
        return f"unknown: {plan.estimate_note or 'the model has no price'}"
    return f"about {usd(plan.estimated_usd)} (the stored tokens, uncached, at today's prices)"


def body_lines(plan: ReplayPlan) -> list[str]:
    """Return the body that would be sent, as lines of JSON."""
    return json.dumps(plan.body, ensure_ascii=False, indent=2).splitlines()


def verdict(found: Comparison) -> str:
    """Return how the two answers compare."""
    if found.similarity_ratio is None:
        return "cannot be compared: the stored one was not captured whole"
    return "the same" if found.is_same else f"differs, {found.similarity_ratio:.0%} alike"


def side_line(side: Side) -> str:
    """Return the figures of one answer in one line."""
    return " · ".join(
        [
            side.model or "?",
            f"{_count(side.input_tokens)} tokens in",
            f"{_count(side.output_tokens)} out",
            usd(side.cost_usd) if side.cost_usd is not None else "unpriced",
            f"{side.latency_ms:,.0f} ms" if side.latency_ms is not None else "? ms",
            ", ".join(side.finish_reasons) or "no finish reason",
        ]
    )


def usd(amount: Decimal) -> str:
    """Return an amount with all its digits."""
    return f"${amount.normalize():f}"


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else f"{tokens:,}"
