"""The same calls at the prices of other models of the same provider. Exact. Pure.

Held against each model are those that the caller uses too, and those of the same name but for the
word of its size (mini, flash, haiku). Prices alone are compared: whether another model answers as
well, or makes as many tokens of a prompt, is for an evaluation to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from llmtrace.pricing.match import model_names, resolve
from llmtrace.store.savings.bounds import Saving
from llmtrace.store.savings.groups import cost_of, is_reproduced, moment_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from llmtrace.pricing import PriceBook
    from llmtrace.store.savings.groups import Group

_ZERO: Final = Decimal(0)
_SIZES: Final = frozenset({
    "nano", "micro", "tiny", "mini", "lite", "small", "flash", "haiku", "medium", "sonnet", "large",
    "pro", "opus", "max", "plus", "turbo", "premier",
})  # fmt: skip
SHOWN: Final = 3
"""Other models that are shown of each, the cheapest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheaper:
    """The calls of one model at the prices of another."""

    provider: str
    model: str
    candidate: str
    is_used: bool
    """The candidate has calls in the range too."""
    calls: int
    cost_usd: Decimal
    candidate_usd: Decimal
    unsaid: int
    """Calls of the model of which nothing can be said."""
    too_long: int | None
    """Of the calls, those whose prompt is longer than its context; None: it is not known."""
    features: tuple[str | None, ...]
    """Whose calls they are, what costs most first."""
    saving: Saving
    """Lower is 0: nobody knows how many of the calls the other model would do for."""


def candidates(
    models: Collection[tuple[str, str]], book: PriceBook, at: datetime
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the models that each (provider, model) is held against."""
    listed: dict[str, list[str]] = {}
    for seller, model in book.listed(at):
        listed.setdefault(seller, []).append(model)
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for provider, model in models:
        seller, name = resolve(provider, model)
        names = set(model_names(name))
        families = {_family(each) for each in names}
        siblings = [
            each
            for each in listed.get(seller, ())
            if each not in names and _family(each) in families
        ]
        used = [other for theirs, other in models if theirs == provider and other != model]
        found[provider, model] = tuple(sorted({*siblings, *used}))
    return found


def find_cheaper(
    groups: Sequence[Group], others: dict[tuple[str, str], tuple[str, ...]], book: PriceBook
) -> list[Cheaper]:
    """Return for each model up to ``SHOWN`` others that cost less, what saves most first.

    ``groups`` must have been made with the bands of all of them (``groups.band_starts``).
    """
    by_model: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        by_model.setdefault((group.provider, group.model), []).append(group)
    found: list[Cheaper] = []
    for (provider, model), theirs in by_model.items():
        known = [group for group in theirs if is_reproduced(group, book)]
        unsaid = sum(group.calls for group in theirs) - sum(group.calls for group in known)
        cheaper = [
            each
            for candidate in others.get((provider, model), ())
            if (each := _priced(known, candidate, book, unsaid=unsaid, models=by_model))
        ]
        cheaper.sort(key=lambda each: (each.candidate_usd, each.candidate))
        found.extend(cheaper[:SHOWN])
    return sorted(found, key=lambda each: (-each.saving.upper_usd, each.model, each.candidate))


def _priced(
    groups: Sequence[Group],
    candidate: str,
    book: PriceBook,
    *,
    unsaid: int,
    models: Collection[tuple[str, str]],
) -> Cheaper | None:
    """Return calls at a candidate's prices; None if they cost no less, or a price is missing."""
    if not groups:
        return None
    first, price = groups[0], _ZERO
    for group in groups:
        quote = book.quote(
            group.provider, candidate, moment_of(group.day), service_tier=group.service_tier
        )
        cost = cost_of(group, quote.schedule) if quote.is_exact else None
        if cost is None:
            return None
        price += cost
    total = sum((group.cost_usd for group in groups), _ZERO)
    if price >= total:
        return None
    return Cheaper(
        provider=first.provider,
        model=first.model,
        candidate=candidate,
        is_used=(first.provider, candidate) in models,
        calls=sum(group.calls for group in groups),
        cost_usd=total,
        candidate_usd=price,
        unsaid=unsaid,
        too_long=_too_long(groups, book.context_window(first.provider, candidate)),
        features=_features(groups),
        saving=Saving(
            upper_usd=total - price,
            unsaid="some calls were priced otherwise than the price list does today"
            if unsaid
            else None,
        ),
    )


def _too_long(groups: Iterable[Group], window: int | None) -> int | None:
    if window is None:
        return None
    return sum(group.calls for group in groups if group.shortest > window)


def _features(groups: Iterable[Group]) -> tuple[str | None, ...]:
    costs: dict[str | None, Decimal] = {}
    for group in groups:
        costs[group.feature] = costs.get(group.feature, _ZERO) + group.cost_usd
    return tuple(sorted(costs, key=lambda name: (-costs[name], name or "")))


def _family(model: str) -> tuple[str, ...]:
    """Return the parts of a model's name but for the word of its size."""
    return tuple(part for part in re.split(r"[-_/:@]", model) if part and part not in _SIZES)
