"""How long a prompt's beginning must be for a provider to cache it: ``cache_minimums.json``.

Each entry names the page it is from, the day it was read, and (``checked``) what else says so.
Where sources differ the larger is taken. A model that no entry names has no known minimum.
"""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from llmtrace.pricing.match import model_names, resolve

FILE: Final = "cache_minimums.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """What a provider's prompt cache asks of a prompt."""

    provider: str
    """The price list's id."""
    models: tuple[str, ...]
    """Globs, lower case."""
    tokens: int
    step: int
    """Beyond the minimum, cached in steps of so many tokens."""
    kept_s: int
    """Since its last use: of marked text as promised; else the longest that the page speaks of."""
    is_marked: bool
    """The request says what to cache, and is served it; else the provider decides."""
    source: str
    """The page, and the day it was read."""

    def floor(self, tokens: int) -> int:
        """Return how many of ``tokens`` from the beginning are cached, at least; 0 if too few."""
        if tokens < self.tokens:
            return 0
        return self.tokens + (tokens - self.tokens) // self.step * self.step


def minimum_of(provider: str, model: str) -> Minimum | None:
    """Return what a model's prompt cache asks for; None if it is not known.

    ``provider`` is OpenTelemetry's name.
    """
    seller, name = resolve(provider, model)
    names = model_names(name)
    for entry in minimums():
        if entry.provider == seller and any(
            fnmatch.fnmatchcase(each, glob) for each in names for glob in entry.models
        ):
            return entry
    return None


@cache
def minimums() -> tuple[Minimum, ...]:
    """Return all entries, in the file's order."""
    text = resources.files("llmtrace.store.savings").joinpath(FILE).read_text("utf-8")
    return tuple(_entry(raw) for raw in json.loads(text)["minimums"])


def _entry(raw: dict[str, Any]) -> Minimum:
    return Minimum(
        provider=raw["provider"],
        models=tuple(raw["models"]),
        tokens=raw["tokens"],
        step=raw.get("step", 1),
        kept_s=raw["kept_s"],
        is_marked=raw["marked"],
        source=f"{raw['source']} ({raw['read']})",
    )
