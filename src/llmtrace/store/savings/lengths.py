"""Features whose prompts are long for what comes back, or have grown. Pure.

Works on answers of the metric layer. What could be left out of a prompt nobody can know from
outside; what its input cost is the most that could be saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from llmtrace.store.comparison import change_ratio
from llmtrace.store.savings.bounds import Saving, cannot_be_said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

MEASURES: Final = (
    "requests", "input_tokens", "output_tokens", "input_tokens_per_request",
    "output_tokens_per_request", "uncached_input_cost",
)  # fmt: skip
"""What the metric layer is asked for, by feature."""
FEWEST: Final = 20
"""Calls below which a feature's mean says little."""
STANDS_OUT: Final = 3.0
"""Times the median feature's input for each token of output."""
GREW: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbose:
    """One feature whose prompts stand out."""

    feature: str | None
    requests: int
    input_per_request: float
    output_per_request: float | None
    ratio: float | None
    """Input tokens for each output token."""
    times_median: float | None
    """That, against the median of all features; None: it does not stand out."""
    grew: float | None
    """Change of input a request since the range before; None: unknown, or by less than ``GREW``."""
    input_usd: Decimal | None
    """What the input cost that no cache gave."""
    saving: Saving


def find_verbose(
    rows: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]
) -> list[Verbose]:
    """Return the features whose prompts stand out, what its input costs most first.

    ``rows`` are answers to ``MEASURES`` by feature, ``before`` those of the range before.
    """
    earlier = {row["feature"]: row for row in before if row["requests"] >= FEWEST}
    many = [row for row in rows if row["requests"] >= FEWEST and row["input_tokens"]]
    ratios = {row["feature"]: _ratio(row) for row in many}
    known = [ratio for ratio in ratios.values() if ratio is not None]
    middle = median(known) if len(known) > 2 else None  # of one or two, half always stand out
    found: list[Verbose] = []
    for row in many:
        ratio = ratios[row["feature"]]
        times = ratio / middle if ratio is not None and middle else None
        was = earlier.get(row["feature"], {}).get("input_tokens_per_request")
        grew = change_ratio(row["input_tokens_per_request"], was)
        stands_out = times is not None and times >= STANDS_OUT
        has_grown = grew is not None and grew >= GREW
        if stands_out or has_grown:
            found.append(
                _verbose(row, ratio, times if stands_out else None, grew if has_grown else None)
            )
    return sorted(found, key=lambda each: (-(each.input_usd or 0), -each.input_per_request))


def _verbose(
    row: Mapping[str, Any], ratio: float | None, times: float | None, grew: float | None
) -> Verbose:
    cost = row["uncached_input_cost"]
    reason = "what of a prompt can be left out, only its author knows"
    return Verbose(
        feature=row["feature"],
        requests=row["requests"],
        input_per_request=row["input_tokens_per_request"],
        output_per_request=row["output_tokens_per_request"],
        ratio=ratio,
        times_median=times,
        grew=grew,
        input_usd=cost,
        saving=cannot_be_said(reason),
    )


def _ratio(row: Mapping[str, Any]) -> float | None:
    return row["input_tokens"] / row["output_tokens"] if row["output_tokens"] else None
