"""Where a provider's usage object says what: data, and the one reader of all such data.

A ``Shape`` names, for each number, the places it may stand at; the first that is there wins. A
place is a dotted path (``usage.cached_tokens``); a step into an array takes the entry so labelled
(``promptTokensDetails.AUDIO`` is the ``tokenCount`` of the entry whose ``modality`` is AUDIO).
What the numbers make together is not decided here but in ``algebra``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from llmtrace.usage.algebra import Amounts, ends_of, normalize
from llmtrace.usage.counts import Counts, as_list, as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from llmtrace.records import TokenUsage, UsageSource

Names = tuple[str, ...]

_INPUT_PARTS: Final = (
    "cached",
    "cache_write_5m",
    "cache_write_1h",
    "cache_write",
    "input_audio",
    "input_image",
    "input_video",
)
_OUTPUT_PARTS: Final = ("reasoning", "output_audio", "output_image", "output_video")
_WITHIN_CACHED: Final = ("cached_audio", "cached_image", "cached_video")
_LABELS: Final = ("modality", "ttl")
_COUNTS_OF_LABELLED: Final = ("tokenCount", "tokens", "inputTokens")
_MAX_ENTRIES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The places of every number of one format. What a format does not have is left out."""

    input: Names = ()
    output: Names = ()
    """Empty for a format without output (embeddings): then none is missed."""
    total: Names = ()
    cached: Names = ()
    cached_audio: Names = ()
    cached_image: Names = ()
    cached_video: Names = ()
    cache_write: Names = ()
    """All writes together; what the two lifetimes do not explain is of another, or unsaid."""
    cache_write_5m: Names = ()
    cache_write_1h: Names = ()
    input_audio: Names = ()
    input_image: Names = ()
    input_video: Names = ()
    reasoning: Names = ()
    output_audio: Names = ()
    output_image: Names = ()
    output_video: Names = ()
    more_input: tuple[Names, ...] = ()
    """Further plain input beside ``input``; all of them are added."""
    beside: frozenset[str] = frozenset()
    """The parts (names of fields) that this format counts beside its input or output, not in it."""
    requests: Mapping[str, Names] = field(default_factory=dict[str, Names])
    """Fees by the call, by kind."""
    units: Mapping[str, Names] = field(default_factory=dict[str, Names])
    """What is billed by neither token nor call, by kind; decimals."""

    def read(self, raw: object, source: UsageSource = "provider") -> TokenUsage | None:
        """Read a usage object; None if none of the numbers is in it. Never raises."""
        counts = Counts()
        amounts = amounts_of(self, as_mapping(raw), counts)
        return None if amounts is None else normalize(amounts, counts, source)


def amounts_of(shape: Shape, raw: Mapping[str, object], counts: Counts) -> Amounts | None:
    """Take the numbers of ``raw`` that ``shape`` names; None if it has none of them."""
    told = {
        name: take(raw, getattr(shape, name), counts)
        for name in (*_INPUT_PARTS, *_OUTPUT_PARTS, *_WITHIN_CACHED)
    }
    parts = {name: number or 0 for name, number in told.items()}
    parts["cached"] = max(parts["cached"], sum(parts[name] for name in _WITHIN_CACHED))
    if told["cache_write_5m"] is not None or told["cache_write_1h"] is not None:
        _split_writes(parts, told["cache_write"], counts)
    requests = {kind: take(raw, names, counts) or 0 for kind, names in shape.requests.items()}
    requests = {kind: number for kind, number in requests.items() if number}
    units = {kind: take_units(raw, names, counts) for kind, names in shape.units.items()}
    billed_units = {kind: number for kind, number in units.items() if number}
    extra_in = sum(parts[name] for name in _INPUT_PARTS if name in shape.beside)
    extra_in += sum(take(raw, names, counts) or 0 for names in shape.more_input)
    extra_out = sum(parts[name] for name in _OUTPUT_PARTS if name in shape.beside)
    given, made, total = (
        take(raw, names, counts) for names in (shape.input, shape.output, shape.total)
    )
    if given is None and made is None and total is None and not extra_in and not extra_out:
        if not requests and all(number is None for number in units.values()):
            return None
        given = made = 0
    if not shape.output and given is not None and made is None:
        made = 0
    ends = ends_of(given, made, None if total is None else total - extra_in - extra_out, counts)
    return Amounts(
        input=ends[0] + extra_in,
        output=ends[1] + extra_out,
        total=total,
        **parts,
        requests=requests,
        units=billed_units,
    )


def take(raw: Mapping[str, object], places: Names, counts: Counts) -> int | None:
    """Return the count at the first of ``places`` that is there and not null."""
    for place in places:
        value = value_at(raw, place)
        if value is not None:
            return counts.number(place, value)
    return None


def take_units(raw: Mapping[str, object], places: Names, counts: Counts) -> Decimal | None:
    """Return the decimal number at the first of ``places`` that is there and not null."""
    for place in places:
        value = value_at(raw, place)
        if value is not None:
            return counts.decimal(place, value)
    return None


def value_at(raw: Mapping[str, object], place: str) -> object:
    """Return what stands at a dotted path, None if nothing does."""
    value: object = raw
    for step in place.split("."):
        if isinstance(value, list):
            value = _labelled(as_list(cast("object", value)), step)
        else:
            value = as_mapping(value).get(step)
    return value


def _labelled(entries: list[object], label: str) -> object:
    """Return the count of the entry of an array whose label is ``label``; case does not matter."""
    for entry in entries[:_MAX_ENTRIES]:
        found = as_mapping(entry)
        named = next((found[name] for name in _LABELS if name in found), None)
        if isinstance(named, str) and named.lower() == label.lower():
            return next((found[name] for name in _COUNTS_OF_LABELLED if name in found), None)
    return None


def _split_writes(parts: dict[str, int], together: int | None, counts: Counts) -> None:
    """Leave in ``cache_write`` what the lifetimes do not explain.

    Where the split names only one lifetime, the rest is of that one: a stream of Anthropic tells
    the split once, at its start, while the sum grows with every turn of a server tool.
    """
    short, long = parts["cache_write_5m"], parts["cache_write_1h"]
    parts["cache_write"] = 0
    if together is None or together == short + long:
        return
    counts.note(f"cache writes by lifetime are {short + long}, together {together}")
    rest = max(together - short - long, 0)
    only = "cache_write_5m" if short and not long else "cache_write_1h"
    parts["cache_write" if bool(short) == bool(long) else only] += rest
