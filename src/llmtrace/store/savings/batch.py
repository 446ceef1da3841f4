"""What a batch would have cost, by feature and model. Exact, where a batch price is known. Pure.

Whether a feature can wait for its answers is for people to say: nothing here guesses it. Streams
are left out, for somebody reads along, as are calls at a tier of their own or in a batch already.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from llmtrace.pricing.match import service_tier as normal_tier
from llmtrace.store.savings.bounds import Saving
from llmtrace.store.savings.groups import cost_of, is_reproduced, moment_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmtrace.pricing import PriceBook
    from llmtrace.store.savings.groups import Group

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batchable:
    """Calls of one feature and model that could have been in a batch."""

    feature: str | None
    provider: str
    model: str
    calls: int
    """Those that were priced for a batch."""
    cost_usd: Decimal
    """What those cost."""
    batch_usd: Decimal
    """What they would have cost."""
    left_out: int
    """Calls of the same that were streamed, in a batch, or at a tier of their own."""
    unsaid: int
    """Calls of the same of which nothing can be said."""
    saving: Saving


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    cost: Decimal = _ZERO
    batch: Decimal = _ZERO
    left_out: int = 0
    unsaid: int = 0
    reason: str | None = None


def find_batchable(groups: Iterable[Group], book: PriceBook) -> list[Batchable]:
    """Return what a batch would have saved, most first; only where it would have saved anything."""
    sums: dict[tuple[str | None, str, str], _Sum] = {}
    for group in groups:
        total = sums.setdefault((group.feature, group.provider, group.model), _Sum())
        tier, is_batch = normal_tier(group.service_tier, batch=False)
        if group.is_stream or is_batch or tier is not None:
            total.left_out += group.calls
            continue
        price, reason = _batch_price(group, book)
        if price is None:
            total.unsaid += group.calls
            total.reason = total.reason or reason
            continue
        total.calls += group.calls
        total.cost += group.cost_usd
        total.batch += price
    found = [_batchable(key, total) for key, total in sums.items() if total.cost > total.batch]
    return sorted(found, key=lambda each: (-each.saving.upper_usd, each.provider, each.model))


def _batch_price(group: Group, book: PriceBook) -> tuple[Decimal | None, str]:
    quote = book.quote(group.provider, group.model, moment_of(group.day), batch=True)
    price = cost_of(group, quote.schedule) if quote.is_exact else None
    if price is None:
        return None, "no batch price is known"
    if not is_reproduced(group, book):
        return None, "some calls were priced otherwise than the price list does today"
    return price, ""


def _batchable(key: tuple[str | None, str, str], total: _Sum) -> Batchable:
    feature, provider, model = key
    saved = total.cost - total.batch
    return Batchable(
        feature=feature,
        provider=provider,
        model=model,
        calls=total.calls,
        cost_usd=total.cost,
        batch_usd=total.batch,
        left_out=total.left_out,
        unsaid=total.unsaid,
        saving=Saving(lower_usd=saved, upper_usd=saved, unsaid=total.reason),
    )
