"""Is what providers say a call cost what published prices give? Where not, why.

Reasons are found in the numbers where they say it; the rest was decided by looking at the rows and
is in ``costs.yaml``. A row without either has no reason, and the test says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.recordings.reading import Reading
    from llmtrace.pricing import PriceBook

TOLERANCE: Final = Decimal("0.005")
"""Of what the provider states."""

_SELLERS: Final = {
    # OpenRouter's names of those who answer for it → the price list's
    "Amazon Bedrock": "aws",
    "Anthropic": "anthropic",
    "DeepSeek": "deepseek",
    "Fireworks": "fireworks",
    "Google": "google",
    "Google AI Studio": "google",
    "Groq": "groq",
    "Moonshot AI": "moonshotai",
    "Novita": "novita",
    "OpenAI": "openai",
    "Together": "together",
    "xAI": "x-ai",
}
_SELLER: Final = re.compile(r'"provider":\s*"([^"]+)"')

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


def judge(reading: Reading, book: PriceBook) -> Verdict:
    """Compare the cost that a provider stated with ours; ``stated_usd`` must be there."""
    stated, ours = reading.stated_usd, reading.cost.total_usd
    if stated is None:
        raise ValueError(reading.row["id"])
    listed = [each for each in (ours, *_sellers(reading, book)) if each is not None]
    if any(abs(each - stated) <= stated * TOLERANCE for each in listed):
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


def _sellers(reading: Reading, book: PriceBook) -> Iterator[Decimal | None]:
    """Yield the cost by the lists of those who sold the call to OpenRouter, on its own day.

    It passes their prices on (openrouter.ai/docs/faq), and its own list has hardly a history. Its
    answer names who answered; where it does not, the model's maker may have.
    """
    if reading.provider != "openrouter" or not reading.model or reading.usage is None:
        return
    maker = reading.model.partition("/")[0]
    for seller in (_SELLERS.get(_seller(reading) or ""), maker):
        if seller is not None:
            yield book.price(seller, reading.model, reading.at, reading.usage).total_usd


def _seller(reading: Reading) -> str | None:
    """Return who answered for OpenRouter, in its words; None if it does not say."""
    named = _SELLER.search(reading.row["response_body"])
    return named.group(1) if named else None


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
    who = _seller(reading)
    return (
        f"{f'{who} answered: ' if who else ''}"
        f"charged {charged[0]} in and {charged[1]} out a million tokens; "
        f"the list gives {ours[0]} and {ours[1]}, of today or of others who sell the model"
    )


def _unit(usd: Decimal, tokens: int) -> str:
    """Return USD per million tokens, cache and all, to four figures."""
    return f"{usd * _MTOK / tokens:.4g}" if tokens else "0"
