"""Two price lists side by side: which models came, went, or cost something else. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace.pricing.unit_prices import TOKEN_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from llmtrace.pricing.unit_prices import PriceSchedule, UnitPrices

Key = tuple[str, str]
"""Provider's id, model's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One price of one model that differs."""

    provider: str
    model: str
    kind: str
    """As a price file names it; for long prompts with the length, as ``input > 200000``."""
    before: Decimal | None
    """USD per million tokens, per request, or per unit; None: it had none."""
    after: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDifference:
    """What a newer list changes."""

    added: tuple[Key, ...]
    removed: tuple[Key, ...]
    changed: tuple[Change, ...]


def compare_lists(
    before: Mapping[Key, PriceSchedule], after: Mapping[Key, PriceSchedule]
) -> ListDifference:
    """Return what ``after`` has that ``before`` has not, and the other way round; sorted."""
    changed: list[Change] = []
    for key in sorted(before.keys() & after.keys()):
        old, new = _flat(before[key]), _flat(after[key])
        changed.extend(
            Change(
                provider=key[0],
                model=key[1],
                kind=kind,
                before=old.get(kind),
                after=new.get(kind),
            )
            for kind in dict.fromkeys((*old, *new))
            if old.get(kind) != new.get(kind)
        )
    return ListDifference(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(changed),
    )


def _flat(schedule: PriceSchedule) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for band in schedule.bands:
        suffix = f" > {band.above_tokens}" if band.above_tokens else ""
        found.update({f"{kind}{suffix}": usd for kind, usd in _told(band.prices).items()})
    return found


def _told(prices: UnitPrices) -> dict[str, Decimal]:
    tokens = {kind: getattr(prices, kind) for kind in TOKEN_KINDS}
    more = {**prices.requests, **prices.units, "request": prices.per_call or None}
    return {kind: usd for kind, usd in {**tokens, **more}.items() if usd is not None}
