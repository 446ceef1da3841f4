"""Is what providers say a call cost what published prices give? Where not, why.

Reasons are found in the numbers where they say it; the rest was decided by looking at the rows and
is in ``costs.yaml``. A row without either has no reason, and the test says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.recordings.reading import Reading

TOLERANCE: Final = Decimal("0.005")
"""Of what the provider states."""

_BY_HAND: Final = frozenset({"fixture", "reframed", "ids-rewritten"})
DECIDED: Final[dict[str, str]] = {
    name: group["reason"].strip()
    for group in yaml.safe_load(Path(__file__).with_name("costs.yaml").read_text(encoding="utf-8"))
    for name in group["rows"]
}
_MTOK: Final = Decimal(1_000_000)
_ROUND: Final = 3
"""Decimals up to which a stated cost is taken for rounded; it has more where it is exact."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a stated cost compares with the published prices."""

    kind: Literal["met", "rounded", "explained", "open"]
    reason: str = ""


def judge(reading: Reading) -> Verdict:
    """Compare the cost that a provider stated with ours; ``stated_usd`` must be there."""
    stated, ours = reading.stated_usd, reading.cost.total_usd
    if stated is None:
        raise ValueError(reading.row["id"])
    if ours is not None and abs(ours - stated) <= stated * TOLERANCE:
        return Verdict("met")
    decided = DECIDED.get(reading.row["id"])
    if decided is not None:
        return Verdict("explained", decided)
    if reading.row["source"]["fidelity"] in _BY_HAND:
        return Verdict("explained", "written by hand, not recorded: the numbers are made up")
    if ours is not None and _is_rounded(stated, ours):
        return Verdict("rounded")
    parts = _parts(reading)
    reason = None if parts is None else _by_parts(reading, parts)
    if reason is not None:
        return Verdict("explained", reason)
    return Verdict("open", reading.cost.reason or "no reason is known")


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _is_rounded(stated: Decimal, ours: Decimal) -> bool:
    decimals = _decimals(stated)
    return decimals <= _ROUND and abs(stated - ours) <= Decimal(10) ** -_ROUND / 2


def _parts(reading: Reading) -> tuple[Decimal, Decimal] | None:
    """Return what OpenRouter says that the input and the output cost."""
    details: Mapping[str, Any] = reading.row["truth"]["usage"].get("cost_details") or {}
    prefix = "upstream_inference_"
    given = details.get(f"{prefix}prompt_cost", details.get(f"{prefix}input_cost"))
    made = details.get(f"{prefix}completions_cost", details.get(f"{prefix}output_cost"))
    return None if given is None or made is None else (Decimal(str(given)), Decimal(str(made)))


def _by_parts(reading: Reading, parts: tuple[Decimal, Decimal]) -> str | None:
    """Say which price differs from the list, or what fee there is beside the tokens."""
    usage, cost = reading.usage, reading.cost
    stated = reading.stated_usd or Decimal(0)
    fee = stated - sum(parts)
    if fee > stated * TOLERANCE:
        named = ", which its usage names" if usage and usage.requests else ""
        return f"a fee of {fee:.6f} USD of OpenRouter's own{named}; it is not on the list"
    if usage is None:
        return None
    charged = _unit(parts[0], usage.input_tokens), _unit(parts[1], usage.output_tokens)
    if cost.total_usd is None:
        return f"charged {charged[0]} in and {charged[1]} out a million tokens; {cost.reason}"
    spent_in = sum(
        part or Decimal(0) for part in (cost.input_usd, cost.cache_read_usd, cost.cache_write_usd)
    )
    ours = (
        _unit(Decimal(spent_in), usage.input_tokens),
        _unit(cost.output_usd or Decimal(0), usage.output_tokens),
    )
    if charged == ours:
        return None
    return (
        f"charged {charged[0]} in and {charged[1]} out a million tokens, the list gives {ours[0]} "
        f"and {ours[1]}: another seller, or another day's price"
    )


def _unit(usd: Decimal, tokens: int) -> str:
    """Return USD per million tokens, cache and all, to four figures."""
    return f"{usd * _MTOK / tokens:.4g}" if tokens else "0"
