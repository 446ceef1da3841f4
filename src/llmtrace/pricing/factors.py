"""Published multipliers: what a service tier, batch processing or a region does to list prices.

Data, each fact with the page that says so, and look-ups. They hold where the price list has no
prices of its own for a tier. A fact whose first day is not known holds from the day it was read.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from llmtrace.pricing.unit_prices import CACHE_KINDS

_HALF: Final = Decimal("0.5")
_READ: Final = date(2026, 11, 20)
"""When the facts without a first day were read."""
_SEEN: Final = date(2026, 3, 21)
"""The first answer that we know of with Google's flex tier in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One fact: token prices of ``provider`` are times ``factor`` for ``name``."""

    provider: str
    """The price list's id."""
    name: str
    """A tier, ``batch``, or a glob of regions."""
    factor: Decimal
    since: date
    """First UTC day."""
    source: str
    """The page that says so."""
    models: tuple[str, ...] = ("*",)
    """Globs."""
    unsaid: tuple[str, ...] = ()
    """Kinds of tokens that the page does not speak of: they have no price."""

    def holds(self, provider: str, names: tuple[str, ...], day: date) -> bool:
        """Say if this is about a model of these names, of this provider, on that day."""
        return (
            self.provider == provider
            and day >= self.since
            and any(fnmatch.fnmatchcase(name, glob) for name in names for glob in self.models)
        )


BATCH: Final = "batch"

TIERS: Final = (
    # "Tokens are priced at Batch API rates, with additional discounts from prompt caching."
    # In beta since 2025-04-17 (developers.openai.com/api/docs/changelog).
    Factor(
        provider="openai",
        name="flex",
        factor=_HALF,
        since=date(2025, 4, 17),
        source="https://developers.openai.com/api/docs/guides/flex-processing",
    ),
    # "50% cost discount compared to synchronous APIs"; whether cached input has a discount of its
    # own in a batch depends on the model.
    Factor(
        provider="openai",
        name=BATCH,
        factor=_HALF,
        since=date(2024, 4, 15),
        source="https://developers.openai.com/api/docs/guides/batch",
        unsaid=CACHE_KINDS,
    ),
    # "All usage is charged at 50% of the standard API prices"; the discounts of caching stack.
    Factor(
        provider="anthropic",
        name=BATCH,
        factor=_HALF,
        since=date(2024, 10, 8),
        source="https://platform.claude.com/docs/en/build-with-claude/batch-processing",
    ),
    # "50% discount" for both; what becomes of cached tokens depends on the model.
    Factor(
        provider="google",
        name="flex",
        factor=_HALF,
        since=_SEEN,
        source="https://ai.google.dev/gemini-api/docs/optimization",
        models=("gemini-*",),
        unsaid=CACHE_KINDS,
    ),
    Factor(
        provider="google",
        name=BATCH,
        factor=_HALF,
        since=_READ,
        source="https://ai.google.dev/gemini-api/docs/optimization",
        models=("gemini-*",),
        unsaid=CACHE_KINDS,
    ),
    # Batch inference is sold at half the price of on-demand inference.
    Factor(
        provider="aws",
        name=BATCH,
        factor=_HALF,
        since=_READ,
        source="https://aws.amazon.com/bedrock/pricing/",
        unsaid=CACHE_KINDS,
    ),
    # "a 50% discount compared with Standard processing", for Global Standard deployments
    Factor(
        provider="azure",
        name="flex",
        factor=_HALF,
        since=_READ,
        source="https://learn.microsoft.com/azure/foundry/openai/how-to/flex-processing",
        models=("gpt-*",),
        unsaid=CACHE_KINDS,
    ),
    # "maintaining the same pricing as on-demand processing"
    Factor(
        provider="groq",
        name="flex",
        factor=Decimal(1),
        since=date(2025, 1, 1),
        source="https://console.groq.com/docs/flex-processing",
    ),
)

_SAME_EVERYWHERE: Final = Decimal(1)
_TENTH_MORE: Final = Decimal("1.1")
_OPENAI_RESIDENCY: Final = "https://developers.openai.com/api/docs/guides/data-residency"
_CLAUDE_PRICING: Final = "https://platform.claude.com/docs/en/about-claude/pricing"

REGIONS: Final = (
    # usage.inference_geo; "US: … a 1.1x pricing multiplier applies", for Opus 4.6, Sonnet 4.6 and
    # later. Older models refuse the parameter and answer "not_available".
    Factor(
        provider="anthropic",
        name="us",
        factor=_TENTH_MORE,
        since=date(2026, 2, 5),
        source="https://docs.aws.amazon.com/claude-platform/latest/userguide/data-residency.html",
    ),
    # us.api.openai.com and the like: "a 10% uplift for models released on or after March 5, 2026"
    Factor(
        provider="openai",
        name="*",
        factor=_TENTH_MORE,
        since=date(2026, 3, 5),
        source=_OPENAI_RESIDENCY,
        models=("gpt-5.4*", "gpt-5.5*", "gpt-5.6*", "gpt-6*"),
    ),
    Factor(
        provider="openai",
        name="*",
        factor=_SAME_EVERYWHERE,
        since=date(2020, 1, 1),
        source=_OPENAI_RESIDENCY,
        models=(
            *("gpt-3.5*", "gpt-4*", "gpt-5", "gpt-5-*", "gpt-5.1*", "gpt-5.2*", "gpt-5.3*"),
            *("o1*", "o3*", "o4*", "text-embedding-*", "whisper-1", "tts-1*"),
        ),
    ),
    # us-api.together.ai, ca-api.together.ai: "1.25× the standard serverless rate … for input,
    # cached input, and output tokens"
    Factor(
        provider="together",
        name="[uc][sa]",
        factor=Decimal("1.25"),
        since=_READ,
        source="https://docs.together.ai/docs/serverless/geo-specific-inference",
    ),
    # "Regional and multi-region endpoints include a 10% premium over global endpoints", from
    # Claude Sonnet 4.5 and Haiku 4.5 on; before them there is one price.
    Factor(
        provider="google",
        name="*",
        factor=_TENTH_MORE,
        since=date(2025, 9, 29),
        source=_CLAUDE_PRICING,
        models=("claude-*-4-[5-9]*", "claude-*-5*"),
    ),
    Factor(
        provider="google",
        name="*",
        factor=_SAME_EVERYWHERE,
        since=date(2024, 1, 1),
        source=_CLAUDE_PRICING,
        models=("claude-3*", "claude-*-4@*", "claude-*-4-2025*", "claude-opus-4-1*"),
    ),
    # The page's "Non-global" rows: 0.825 where "Global" has 0.75.
    Factor(
        provider="google",
        name="*",
        factor=_TENTH_MORE,
        since=_READ,
        source="https://cloud.google.com/vertex-ai/generative-ai/pricing",
        models=("gemini-3.8-flash",),
    ),
    # The list has the regional prices of Claude under its regional names, the global ones under
    # "global.": the name of the model says which applies.
    Factor(
        provider="aws",
        name="*",
        factor=_SAME_EVERYWHERE,
        since=date(2023, 1, 1),
        source=_CLAUDE_PRICING,
        models=("anthropic.claude-*", "global.anthropic.claude-*"),
    ),
)

STANDARD_REGIONS: Final = {
    "alibaba": frozenset({"intl", "us"}),
    "anthropic": frozenset({"global", "not_available"}),
    "aws": frozenset({"global", "us-east-1", "us-east-2", "us-west-2"}),
    "azure": frozenset({"global", "globalstandard"}),
    "google": frozenset({"global"}),
    "openai": frozenset({"global"}),
    "together": frozenset({"global"}),
}
"""Regions whose prices the list has, of the providers whose prices differ by region."""


def tier_factor(
    provider: str, names: tuple[str, ...], day: date, tier: str | None, *, batch: bool
) -> Factor | None:
    """Return what a tier (None: batch only) does to the standard prices; None if nobody says."""
    if batch and tier is not None:
        return None
    wanted = BATCH if batch else tier
    for fact in TIERS:
        if fact.name == wanted and fact.holds(provider, names, day):
            return fact
    return None


def region_factor(
    provider: str, names: tuple[str, ...], day: date, region: str | None
) -> Decimal | None:
    """Return what a region does to the list prices: 1 if nothing, None if nobody says.

    A provider whose prices are not known to differ by region has the same everywhere.
    """
    standard = STANDARD_REGIONS.get(provider)
    if not region or standard is None or region in standard:
        return _SAME_EVERYWHERE
    for fact in REGIONS:
        if fnmatch.fnmatchcase(region, fact.name) and fact.holds(provider, names, day):
            return fact.factor
    return None
