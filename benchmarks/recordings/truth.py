"""What the usage of a recorded exchange must be read as: the provider's own numbers.

The recordings bring one heuristic reading of each usage object along (``second_opinion``). It is
not authoritative: rows decided otherwise, by looking at them, are in ``differences.yaml``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from benchmarks.recordings.exchanges import Exchange
    from llmtrace.records import TokenUsage

DIFFERENCES: Final[list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("differences.yaml").read_text(encoding="utf-8")
)
DECIDED: Final[dict[str, dict[str, int]]] = {
    name: numbers
    for group in DIFFERENCES
    if not group.get("only_in_bytes")
    for name, numbers in group["rows"].items()
}
IN_BYTES: Final[dict[str, dict[str, int]]] = {
    name: numbers
    for group in DIFFERENCES
    if group.get("only_in_bytes")
    for name, numbers in group["rows"].items()
}
"""What the answer says but the usage object that the recordings took out of it does not."""

_NO_INFERENCE: Final = frozenset({"/cachedContents", "/guardrail/274u1upxm897/version/1/apply"})
"""Creating a cache, asking a guardrail: they have a usage object, but no model answered."""

_NO_COUNTS: Final = frozenset({"trafficType"})


def has_usage(row: Exchange) -> bool:
    """Say whether a model answered and its provider told what that consumed."""
    usage = row["truth"]["usage"]
    return (
        usage is not None
        and row["endpoint"] not in _NO_INFERENCE
        and not usage.keys() <= _NO_COUNTS
    )


def expected(row: Exchange, *, in_bytes: bool = False) -> dict[str, int]:
    """Return the provider's numbers; what it does not state is 0 here.

    ``in_bytes``: of the answer as it was sent, not of the usage object taken out of it.
    """
    told = row["second_opinion"]
    numbers = {
        "input_total": told["input_total"] or 0,
        "output_total": told["output_total"] or 0,
        "cached_read": told["cached_read"] or 0,
        "cache_write": told["cache_write"] or 0,
        "reasoning": told["reasoning"] or 0,
    }
    if told["billed_input"] is not None:  # Cohere: what its models read costs nothing
        billed = {"input_total": told["billed_input"], "output_total": told["billed_output"] or 0}
        numbers |= billed | {"cached_read": 0}
    more = IN_BYTES.get(row["id"], {}) if in_bytes else {}
    return numbers | DECIDED.get(row["id"], {}) | more


def found(usage: TokenUsage | None) -> dict[str, int]:
    """Return the same numbers as we read them."""
    if usage is None:
        return dict.fromkeys(
            ("input_total", "output_total", "cached_read", "cache_write", "reasoning"), 0
        )
    return {
        "input_total": usage.input_tokens,
        "output_total": usage.output_tokens,
        "cached_read": usage.cached_tokens,
        "cache_write": usage.cache_write,
        "reasoning": usage.output_reasoning,
    }


def adds_up(row: Exchange) -> bool:
    """Say whether the provider's own numbers agree with each other."""
    return not row["second_opinion"]["anomaly"]
