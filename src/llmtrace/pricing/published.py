"""Prices that providers publish and genai-prices does not have: ``published.json``, read once.

Each entry names the page it is from, the day it was read, and (``checked``) what else says so.
They fill gaps and never replace what the price list says. Nothing is guessed here; what nobody
publishes is not in the file.
"""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from llmtrace.pricing.unit_prices import TOKEN_KINDS, Band, PriceSchedule, UnitPrices

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = "published.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPrice:
    """One entry: prices of some models of a provider, in force from a day on."""

    provider: str
    """The price list's id, or OpenTelemetry's name where it has none."""
    models: tuple[str, ...]
    """Globs, lower case."""
    since: date | None
    """First UTC day; None: the page gives no history and no other price is known."""
    until: date | None
    tier: str | None
    schedule: PriceSchedule
    source: str
    """The page, and the day it was read."""
    assumes: str | None = None
    """What the call does not show and decides between several prices: its cost is an estimate."""

    def holds(
        self, provider: str, names: tuple[str, ...], day: date, tier: str | None, *, batch: bool
    ) -> bool:
        """Say if this entry prices a call to a model of these names on that day, at that tier."""
        return (
            self.provider == provider
            and self.tier == ("batch" if batch and tier is None else tier)
            and (self.since is None or day >= self.since)
            and (self.until is None or day < self.until)
            and any(fnmatch.fnmatchcase(name, glob) for name in names for glob in self.models)
        )


class Published:
    """The bundled file; read at the first call that needs it."""

    @cached_property
    def _file(self) -> Mapping[str, Any]:
        text = resources.files("llmtrace.pricing").joinpath(FILE).read_text("utf-8")
        return json.loads(text, parse_float=Decimal, parse_int=Decimal)

    @cached_property
    def version(self) -> str:
        """Which file, as ``llmtrace 2026-11-21``."""
        return f"llmtrace {self._file['version']}"

    @cached_property
    def entries(self) -> tuple[PublishedPrice, ...]:
        """All entries, in the file's order."""
        return tuple(_entry(raw) for raw in self._file["prices"])

    def find(
        self, provider: str, names: tuple[str, ...], day: date, tier: str | None, *, batch: bool
    ) -> PublishedPrice | None:
        """Return the first entry that holds, None if none does."""
        for entry in self.entries:
            if entry.holds(provider, names, day, tier, batch=batch):
                return entry
        return None


def _entry(raw: Mapping[str, Any]) -> PublishedPrice:
    bands = [_prices(raw), *(_prices(band) for band in raw.get("bands", ()))]
    starts = [0, *(int(band["above_tokens"]) for band in raw.get("bands", ()))]
    return PublishedPrice(
        provider=raw["provider"],
        models=tuple(raw["models"]),
        since=_day(raw.get("since")),
        until=_day(raw.get("until")),
        tier=raw.get("tier"),
        schedule=PriceSchedule(
            tuple(Band(start, prices) for start, prices in zip(starts, bands, strict=True))
        ),
        source=f"{raw['source']} ({raw['read']})",
        assumes=raw.get("assumes"),
    )


def _prices(raw: Mapping[str, Any]) -> UnitPrices:
    tokens: dict[str, Any] = dict(raw.get("usd_per_mtok", {}))
    if raw.get("free"):
        tokens = dict.fromkeys(TOKEN_KINDS, Decimal(0))
    if "output" in tokens:
        tokens.setdefault("reasoning", tokens["output"])
    fees = dict(raw.get("usd_per_request", {}))
    per_call = fees.pop("request", Decimal(0))
    return UnitPrices(
        **tokens, requests=fees, per_call=per_call, units=dict(raw.get("usd_per_unit", {}))
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
