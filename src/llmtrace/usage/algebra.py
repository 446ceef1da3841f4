"""From a provider's sums to disjoint buckets: parts out of their wholes, held against the total.

Knows no provider: ``shape`` says where the numbers stand, this says what they make together.
Hosts that count otherwise than their format says are recognised by the total, not by their name;
each correction is noted in the anomaly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmtrace.records import TokenUsage

if TYPE_CHECKING:
    from decimal import Decimal

    from llmtrace.records import UsageSource
    from llmtrace.usage.counts import Counts


@dataclass(slots=True, kw_only=True)
class Amounts:
    """What a usage object says, before it is checked: two wholes with their parts inside."""

    input: int
    output: int
    total: int | None
    cached: int = 0
    cached_audio: int = 0
    cached_image: int = 0
    cached_video: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_write: int = 0
    """Writes whose lifetime is neither of these, or was not said."""
    input_audio: int = 0
    input_image: int = 0
    input_video: int = 0
    reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    output_video: int = 0
    requests: dict[str, int] = field(default_factory=dict[str, int])
    units: dict[str, Decimal] = field(default_factory=dict[str, "Decimal"])


def ends_of(
    given: int | None, made: int | None, total: int | None, counts: Counts
) -> tuple[int, int]:
    """Return input and output; a missing end is taken from the total, and noted."""
    if given is None and made is None:
        if total:
            counts.note("only the total is known; counted as input")
            counts.is_incomplete = True
        return total or 0, 0
    if given is None:
        return _missing("input", made or 0, total, counts), made or 0
    if made is None:
        return given, _missing("output", given, total, counts)
    return given, made


def _missing(end: str, known: int, total: int | None, counts: Counts) -> int:
    """Return the end that was not given, as what the total leaves beside the known one."""
    if total is not None and total >= known:
        if total > known:
            counts.note(f"{end} tokens are missing; taken from the total")
        return total - known
    counts.note(f"{end} tokens are missing")
    counts.is_incomplete = True
    return 0


def normalize(amounts: Amounts, counts: Counts, source: UsageSource) -> TokenUsage:
    """Make the parts disjoint, checking every part against its whole and the total."""
    _apply_total(amounts, counts)
    if amounts.cached > amounts.input:
        # A part cannot exceed its whole, so that the input was given without it.
        counts.note(
            f"cached tokens ({amounts.cached}) are not in the input ({amounts.input}): added"
        )
        amounts.input += amounts.cached
    rest = amounts.input - amounts.cached
    short = counts.within("cache-write tokens", amounts.cache_write_5m, rest)
    long = counts.within("cache-write tokens", amounts.cache_write_1h, rest - short)
    write = counts.within("cache-write tokens", amounts.cache_write, rest - short - long)
    rest -= short + long + write
    cached_audio = counts.within("cached audio tokens", amounts.cached_audio, amounts.cached)
    cached_image = counts.within(
        "cached image tokens", amounts.cached_image, amounts.cached - cached_audio
    )
    audio = _uncached("audio", amounts.input_audio, cached_audio, rest, amounts, counts)
    image = _uncached("image", amounts.input_image, cached_image, rest - audio, amounts, counts)
    video = _uncached(
        "video", amounts.input_video, amounts.cached_video, rest - audio - image, amounts, counts
    )
    reasoning = counts.within("reasoning tokens", amounts.reasoning, amounts.output)
    out = amounts.output - reasoning
    out_audio = counts.within("output audio tokens", amounts.output_audio, out)
    out_image = counts.within("output image tokens", amounts.output_image, out - out_audio)
    out_video = counts.within(
        "output video tokens", amounts.output_video, out - out_audio - out_image
    )
    usage = TokenUsage(
        input_uncached=rest - audio - image - video,
        cache_read=amounts.cached - cached_audio - cached_image,
        cache_read_audio=cached_audio,
        cache_read_image=cached_image,
        cache_write_5m=short,
        cache_write_1h=long,
        cache_write_other=write,
        input_audio=audio,
        input_image=image,
        input_video=video,
        output_text=out - out_audio - out_image - out_video,
        output_reasoning=reasoning,
        output_audio=out_audio,
        output_image=out_image,
        output_video=out_video,
        requests=amounts.requests,
        units=amounts.units,
    )
    return counts.finish(usage, source)


def _uncached(
    kind: str, tokens: int, cached: int, room: int, amounts: Amounts, counts: Counts
) -> int:
    """Return how many tokens of a kind came in uncached.

    Where no one says which of them were cached and they must overlap, they count as cached: that
    is the rate they are billed at.
    """
    tokens = counts.within(f"input {kind} tokens", tokens, amounts.input)
    return min(max(tokens - cached, 0), room)


def _apply_total(amounts: Amounts, counts: Counts) -> None:
    """Hold the parts against the provider's own total; add what it proves to be outside them."""
    if amounts.total is None:
        return
    excess = amounts.total - amounts.input - amounts.output
    if excess == 0:
        return
    if excess == amounts.reasoning:
        counts.note("reasoning tokens are not in the output but in the total: added")
        amounts.output += excess
    elif excess == amounts.input_audio:
        counts.note("audio tokens are not in the input but in the total: added")
        amounts.input += excess
    elif excess == amounts.cached and amounts.cached > amounts.input:
        return  # the caller adds them, and says so
    else:
        counts.note(
            f"total tokens are {amounts.total}, "
            f"input and output are {amounts.input + amounts.output}"
        )
