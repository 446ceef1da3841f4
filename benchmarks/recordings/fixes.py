"""The lines of a price file that would price calls which have no price."""

from __future__ import annotations

import glob
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from llmtrace.pricing.match import STANDARD_TIERS
from llmtrace.pricing.unit_prices import TOKEN_KINDS

if TYPE_CHECKING:
    from benchmarks.recordings.reading import Reading
    from llmtrace.records import TokenUsage

_BUCKETS: Final = {
    "input": "input_uncached",
    "output": "output_text",
    "reasoning": "output_reasoning",
    "cache_write": "cache_write_other",
    "audio_input": "input_audio",
    "image_input": "input_image",
    "video_input": "input_video",
    "audio_output": "output_audio",
    "image_output": "output_image",
    "video_output": "output_video",
}
_LIKE_ANOTHER: Final = {"reasoning": "output", "image_input": "input", "video_input": "input"}
"""Kinds that a price file gives the price of another unless it says otherwise."""


def yaml_lines(readings: list[Reading]) -> list[str]:
    """Return one entry for each model and tier, with a ``?`` for each price that its calls need."""
    groups: defaultdict[tuple[str, str, str], list[TokenUsage]] = defaultdict(list)
    for reading in readings:
        tier = (reading.tier or "").lower()
        key = reading.provider, reading.model or "", "" if tier in STANDARD_TIERS else tier
        groups[key] += [reading.usage] if reading.usage else []
    return [_line(*key, usages) for key, usages in groups.items()]


def _line(provider: str, model: str, tier: str, usages: list[TokenUsage]) -> str:
    parts = [f"model: {json.dumps(glob.escape(model))}", f"provider: {json.dumps(provider)}"]
    if tier:
        parts.append(f"tier: {json.dumps(tier)}")
    needed = {kind for usage in usages for kind in _kinds(usage)}
    tables = {
        "usd_per_mtok": [kind for kind in TOKEN_KINDS if kind in needed],
        "usd_per_request": sorted({kind for usage in usages for kind in usage.requests}),
        "usd_per_unit": sorted({kind for usage in usages for kind in usage.units}),
    }
    parts += [f"{name}: {_unknown(kinds)}" for name, kinds in tables.items() if kinds]
    return f"- {{{', '.join(parts)}}}"


def _unknown(kinds: list[str]) -> str:
    prices = ", ".join(f'{kind}: "?"' for kind in kinds)
    return f"{{{prices}}}"


def _kinds(usage: TokenUsage) -> set[str]:
    """Return the kinds of tokens that need a price of their own."""
    found = {kind for kind in TOKEN_KINDS if getattr(usage, _BUCKETS.get(kind, kind))}
    found |= {_LIKE_ANOTHER[kind] for kind in found if kind in _LIKE_ANOTHER}
    return found - _LIKE_ANOTHER.keys()
