"""Beginnings that prompts share and no cache gave: what a provider's cache would have saved. Pure.

Works on the prompts of ``prompt_prefix``, piece by piece as a cache compares them. How many tokens
a beginning has is not stored, but bounded: a token is a byte at least, so what stands behind it
has no more tokens than bytes, and ``FRAMING`` for each message. All prompts that share a beginning
bound it together. Prices and the minimum are asked of the caller.

Each prompt counts for one beginning, the dearest set of them. Those that could have read it began
after one that wrote it was answered, and while it was kept; the writers pay what writing costs
more. Text that was redacted ends a beginning: it may have differed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from llmtrace.pricing.unit_prices import EXACT
from llmtrace.store.prompt_prefix import Prompt, prompt_of
from llmtrace.store.savings.bounds import Saving, Seen, cannot_be_said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from llmtrace.pricing.unit_prices import UnitPrices
    from llmtrace.store.savings.minimums import Minimum

FRAMING: Final = 16
"""Tokens that a message, and the answer's beginning, have beside their text, at most."""
_BEFORE_TEXT: Final = (
    "response_format", "text", "tool_choice", "thinking", "reasoning", "reasoning_effort",
    "output_config", "toolConfig", "generationConfig",
)  # fmt: skip
"""Parameters that change how a prompt is rendered: prompts that differ in one share nothing."""
_REDACTED: Final = "[REDACTED:"
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One prompt as it was billed."""

    prompt: Prompt
    end_time: datetime
    provider: str
    model: str
    feature: str | None
    setting: str
    """Of the parameters beside the text that change how a prompt is rendered."""
    written_tokens: int
    prices: UnitPrices | None
    """Of this call; None: there is no price."""
    is_whole: bool
    """Its text is as it was sent, up to what is marked as redacted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """A beginning that prompts of a model share."""

    provider: str
    model: str
    features: tuple[str | None, ...]
    begins: str
    """Its first words."""
    calls: int
    readers: int
    """Of the calls, those that could have read it from a cache."""
    tokens: tuple[int, int]
    """How long it is: at least, at most."""
    minimum: Minimum
    saving: Saving
    seen: tuple[Seen, ...]
    """The calls, the latest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """What a set of prompts tells."""

    found: tuple[Prefix, ...]
    """What saves most first."""
    looked_at: int
    without_text: int
    """Calls that could not be looked at."""
    without_minimum: int
    """Calls to models whose minimum is not known."""
    too_short: int
    """Calls that share a beginning, none of them one that is long enough."""


@dataclass(frozen=True, slots=True)
class _Node:
    """Prompts that begin with the same ``depth`` pieces."""

    depth: int
    members: tuple[int, ...]


def sent_of(
    row: Mapping[str, Any], prices: Callable[[Mapping[str, Any]], UnitPrices | None]
) -> Sent:
    """Read a prompt from a row of ``behind.prompts_behind``."""
    redacted = row["redacted"] or ""
    return Sent(
        prompt=prompt_of(row),
        end_time=row["end_time"],
        provider=row["provider"] or "",
        model=row["model"] or "",
        feature=row["feature"],
        setting=_setting(row["request_body"]),
        written_tokens=row["cache_write_tokens"] or 0,
        prices=prices(row),
        # A function of the app's may have changed text without a mark.
        is_whole="custom" not in redacted and "dropped" not in redacted,
    )


def find_prefixes(
    sent: Iterable[Sent], minimum_of: Callable[[str, str], Minimum | None]
) -> Prefixes:
    """Return the beginnings that would have saved most, and how many calls say nothing."""
    groups: dict[tuple[str, str, str], list[Sent]] = {}
    everything = list(sent)
    for each in everything:
        if _has_text(each):
            groups.setdefault((each.provider, each.model, each.setting), []).append(each)
    found: list[Prefix] = []
    without_minimum = too_short = 0
    for (provider, model, _), members in groups.items():
        minimum = minimum_of(provider, model)
        if minimum is None:
            without_minimum += len(members)
            continue
        ordered = sorted(members, key=lambda each: (each.prompt.start_time, each.prompt.span_id))
        chosen, short = _best(ordered, minimum)
        found.extend(chosen)
        too_short += short
    return Prefixes(
        found=tuple(sorted(found, key=lambda each: (_worth(each), each.calls), reverse=True)),
        looked_at=len(everything),
        without_text=sum(not _has_text(each) for each in everything),
        without_minimum=without_minimum,
        too_short=too_short,
    )


def token_bounds(sent: Sequence[Sent], depth: int) -> tuple[int, int] | None:
    """Return how many tokens the first ``depth`` pieces have, at least and at most.

    None if the prompts contradict each other, so that one of them was counted otherwise.
    """
    low, high = 0, None
    for each in sent:
        whole = each.prompt.input_tokens
        if whole is None:
            continue
        high = whole if high is None else min(high, whole)
        rest = each.prompt.segments[depth:]
        if all(piece.is_text and _REDACTED not in piece.text for piece in rest):
            size = sum(len(piece.text.encode("utf-8", "surrogatepass")) for piece in rest)
            low = max(low, whole - size - FRAMING * (len(rest) + 1))
    return None if high is None or low > high else (low, high)


def readers_of(sent: Sequence[Sent], kept: timedelta) -> list[bool]:
    """Say of prompts in order of their start which could have read what an earlier one wrote."""
    ready: datetime | None = None
    used: datetime | None = None
    reads: list[bool] = []
    for each in sent:
        start = each.prompt.start_time
        is_kept = ready is not None and used is not None and start - used <= kept
        is_reader = is_kept and ready is not None and start >= ready
        if not is_kept:
            ready = each.end_time
        if is_reader or not is_kept:
            used = start
        reads.append(is_reader)
    return reads


def saving_of(
    sent: Sequence[Sent], reads: Sequence[bool], tokens: tuple[int, int], minimum: Minimum
) -> Saving:
    """Return the least and the most that a cache would have saved, the length being in ``tokens``.

    What is cached of each length saves its own amount, which is linear between the lengths that a
    call already read or wrote: the extremes are at those. Where the provider decides what it
    serves, the least is nothing.
    """
    if any(each.prices is None for each in sent):
        return cannot_be_said("there is no price for these calls")
    least, most = minimum.floor(tokens[0]), minimum.floor(tokens[1])
    if not most:
        return Saving()
    places = {most, max(least, minimum.tokens)}
    for each in sent:
        cached = each.prompt.cached_tokens or 0
        edges = (cached, cached + each.written_tokens)
        places.update(edge for edge in edges if max(least, minimum.tokens) < edge < most)
    amounts = [_saved(sent, reads, place) for place in places]
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        return cannot_be_said("the price list has no price for caching with this model")
    # A beginning that may be too short may save nothing.
    lowest = min(known) if least else min(*known, _ZERO)
    return Saving(
        lower_usd=lowest if minimum.is_marked else min(lowest, _ZERO),
        upper_usd=max(known),
    )


def _saved(sent: Sequence[Sent], reads: Sequence[bool], tokens: int) -> Decimal | None:
    """Return what a beginning of exactly so many tokens would have saved; None without a price."""
    usd = _ZERO
    for each, is_read in zip(sent, reads, strict=True):
        prices = each.prices
        cached = each.prompt.cached_tokens or 0
        count = max(tokens - cached - (0 if is_read else each.written_tokens), 0)
        if prices is None or prices.input is None:
            return None
        if is_read:
            if prices.cache_read is None:
                return None
            usd = EXACT.fma(EXACT.subtract(prices.input, prices.cache_read), count, usd)
        elif prices.cache_write_5m is not None:
            usd = EXACT.fma(EXACT.subtract(prices.input, prices.cache_write_5m), count, usd)
    return EXACT.scaleb(usd, -6) if usd else _ZERO


def _best(sent: Sequence[Sent], minimum: Minimum) -> tuple[list[Prefix], int]:
    """Return the set of beginnings, none within another, that saves most; and who shares none."""
    best: dict[tuple[int, ...], list[Prefix]] = {}
    shared: set[int] = set()
    # The longest first, so that a beginning is held against all that it is the beginning of.
    nodes = sorted(_nodes(sent), key=lambda node: -node.depth)
    for node in nodes:
        members = set(node.members)
        shared |= members
        inside = [key for key in best if members.issuperset(key)]
        longer = [prefix for key in inside for prefix in best.pop(key)]
        own = _prefix([sent[place] for place in node.members], node.depth, minimum)
        if own is not None and _worth(own) >= _sum(longer):
            longer = [own]
        best[node.members] = longer
    chosen = [prefix for prefixes in best.values() for prefix in prefixes]
    return chosen, 0 if chosen else len(shared)


def _nodes(sent: Sequence[Sent]) -> list[_Node]:
    """Return the beginnings that two prompts or more share, of each set of prompts the longest."""
    found: dict[bytes, list[int]] = {}
    depths: dict[bytes, int] = {}
    for place, each in enumerate(sent):
        digest = hashlib.blake2b(digest_size=16)
        for depth, piece in enumerate(each.prompt.segments, 1):
            if _REDACTED in piece.text:
                break
            text = f"{piece.place}\0{piece.text}\0".encode("utf-8", "surrogatepass")
            digest.update(len(text).to_bytes(8, "big") + text)
            key = digest.digest()
            found.setdefault(key, []).append(place)
            depths[key] = depth
    longest: dict[tuple[int, ...], int] = {}
    for key, places in found.items():
        if len(places) > 1:
            members = tuple(places)
            longest[members] = max(longest.get(members, 0), depths[key])
    return [_Node(depth, members) for members, depth in longest.items()]


def _prefix(sent: Sequence[Sent], depth: int, minimum: Minimum) -> Prefix | None:
    """Return what prompts that share a beginning would have saved; None if nothing."""
    tokens = token_bounds(sent, depth)
    if tokens is None or not minimum.floor(tokens[1]):
        return None
    reads = readers_of(sent, timedelta(seconds=minimum.kept_s))
    saving = saving_of(sent, reads, tokens, minimum)
    if not any(reads) or (saving.upper_usd <= 0 and saving.unsaid is None):
        return None
    first = sent[0]
    return Prefix(
        provider=first.provider,
        model=first.model,
        features=tuple(dict.fromkeys(each.feature for each in sent)),
        begins=first.prompt.segments[0].text[:200],
        calls=len(sent),
        readers=sum(reads),
        tokens=tokens,
        minimum=minimum,
        saving=saving,
        seen=tuple(reversed([_seen(*each) for each in zip(sent, reads, strict=True)])),
    )


def _seen(sent: Sent, is_read: bool) -> Seen:  # noqa: FBT001  # one of ``reads``
    cached = sent.prompt.cached_tokens or 0
    about = "could have read it" if is_read else "would have written it"
    return Seen(
        start_time=sent.prompt.start_time,
        trace_id=sent.prompt.trace_id,
        span_id=sent.prompt.span_id,
        about=f"{about}; {cached:,} tokens came from a cache" if cached else about,
    )


def _worth(prefix: Prefix) -> tuple[Decimal, Decimal]:
    return prefix.saving.lower_usd, prefix.saving.upper_usd


def _sum(prefixes: Iterable[Prefix]) -> tuple[Decimal, Decimal]:
    worths = [_worth(prefix) for prefix in prefixes]
    return sum((low for low, _ in worths), _ZERO), sum((high for _, high in worths), _ZERO)


def _has_text(sent: Sent) -> bool:
    return bool(sent.prompt.segments) and sent.is_whole and sent.prompt.input_tokens is not None


def _setting(body: str | None) -> str:
    try:
        read = json.loads(body or "")
    except (ValueError, RecursionError):
        return ""
    if not isinstance(read, dict):
        return ""
    return json.dumps({name: read[name] for name in _BEFORE_TEXT if name in read}, default=str)
