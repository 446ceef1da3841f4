"""Frozen records that both halves of llmtrace share: tokens, money, prices' provenance.

No behaviour beyond what keeps a record consistent; nothing here reads a clock, a file or an SDK.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

UsageSource = Literal["provider", "partial", "estimated"]
CostSource = Literal["provider", "override", "list", "estimated", "unpriced"]
CacheStatus = Literal["hit", "miss", "bypass"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """What one invocation consumed, in disjoint buckets (design decision 4). All counts ≥ 0.

    The buckets never overlap, so that a price can be put on each once;
    ``input_tokens`` and ``output_tokens`` are their sums, as the semantic conventions define them.
    """

    input_uncached: int = 0
    """Text input that was neither read from nor written to a cache."""
    cache_read: int = 0
    """Cached input of any kind but those below, and of a kind that was not said."""
    cache_read_audio: int = 0
    cache_read_image: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_write_other: int = 0
    """Cache writes whose time to live the provider did not say, or that is neither of the above."""
    input_audio: int = 0
    input_image: int = 0
    input_video: int = 0
    output_text: int = 0
    output_reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    output_video: int = 0
    requests: Mapping[str, int] = field(default_factory=dict[str, int])
    """Per-request fees, by kind (``web_search``, ``web_fetch``, …)."""
    units: Mapping[str, Decimal] = field(default_factory=dict[str, "Decimal"])
    """What is billed by neither token nor call, by kind: ``images``, ``audio_seconds`` (input),
    ``speech_seconds`` (output), ``video_seconds``, ``characters``, ``pages``, ``search_units``."""
    source: UsageSource = "provider"
    anomaly: str | None = None
    """Why the numbers do not add up, in words for people; None if they do."""

    @property
    def cached_tokens(self) -> int:
        """All input read from a cache, whatever its kind."""
        return self.cache_read + self.cache_read_audio + self.cache_read_image

    @property
    def cache_write(self) -> int:
        """All cache-write tokens, whatever their time to live."""
        return self.cache_write_5m + self.cache_write_1h + self.cache_write_other

    @property
    def input_tokens(self) -> int:
        """Everything in, cache included."""
        return (
            self.input_uncached
            + self.cached_tokens
            + self.cache_write
            + self.input_audio
            + self.input_image
            + self.input_video
        )

    @property
    def output_tokens(self) -> int:
        """Everything out, reasoning included."""
        return (
            self.output_text
            + self.output_reasoning
            + self.output_audio
            + self.output_image
            + self.output_video
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Price of one invocation in USD, exact. ``total_usd`` is None when it is unpriced, never 0.

    The parts add up to the total, except with ``source == "provider"``, where the provider may
    have told only the total and the parts are then None.
    """

    total_usd: Decimal | None
    source: CostSource
    input_usd: Decimal | None = None
    """Uncached input, audio and image included."""
    output_usd: Decimal | None = None
    cache_read_usd: Decimal | None = None
    cache_write_usd: Decimal | None = None
    tools_usd: Decimal | None = None
    """Per-request fees: web search and the like."""
    cache_savings_usd: Decimal | None = None
    """What cached input would have cost more at the uncached rate, less what writing it cost
    more; negative when the cache did not pay. None when unpriced."""
    price_version: str | None = None
    """Which price data said so, for example ``genai-prices 0.2.3`` or ``prices.yaml:12``."""
    reason: str | None = None
    """Why it is unpriced, in words for people; None if it is priced."""


UNPRICED = Cost(total_usd=None, source="unpriced")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a conversation, in the shape of the OTel GenAI message schema."""

    role: str
    """``system`` | ``user`` | ``assistant`` | ``tool``."""
    parts: tuple[Mapping[str, object], ...]
    """Each with ``type``: text, tool_call, tool_call_response, reasoning, blob, uri, file, …"""
    finish_reason: str | None = None
