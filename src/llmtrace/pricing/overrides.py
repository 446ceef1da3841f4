"""The user's price file, YAML: read with care, every problem reported with its line.

A file is a list of entries, the first that matches a call prices it; or a mapping with the entries
as ``prices`` and exchange rates as ``fx``. ``docs/prices.md`` has the fields. Numbers are taken as
they are written, never through a float.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from llmtrace.errors import PriceFileError
from llmtrace.pricing.match import STANDARD_TIERS
from llmtrace.pricing.own_prices import Overrides, OwnPrice, Rate
from llmtrace.pricing.price_yaml import (
    MAX_BYTES,
    Report,
    Value,
    day_of,
    number_of,
    read_yaml,
    text_of,
    true_of,
)
from llmtrace.pricing.unit_prices import BY_KIND, TOKEN_KINDS, UNIT_KINDS, UnitPrices

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

__all__ = ["MAX_BYTES", "load_overrides"]

_MAX_PER_MTOK: Final = Decimal(100_000)
_MAX_PER_REQUEST: Final = Decimal(1_000)
_MAX_WORTH_LESS: Final = 10_000
"""Other currencies' prices may be higher numbers than those in dollars."""
_MAX_RATE: Final = Decimal(1_000_000)
_MAX_NOTE: Final = 500
_USD: Final = "USD"
_CURRENCY: Final = re.compile(r"[A-Z]{3}")

_PER_CALL: Final = "request"
REQUEST_KINDS: Final = (
    _PER_CALL,
    "web_search",
    "web_fetch",
    "x_search",
    "file_search",
    "document_search",
    "code_execution",
    "image_generation",
    *(f"{BY_KIND}{size}" for size in ("low", "medium", "high")),
)

_TABLES: Final = {
    # field → (the kinds in it, the most one may cost, decimals)
    "per_mtok": (TOKEN_KINDS, _MAX_PER_MTOK, 6),
    "per_request": (REQUEST_KINDS, _MAX_PER_REQUEST, 12),
    "per_unit": (UNIT_KINDS, _MAX_PER_REQUEST, 12),
}

_FIELDS: Final = (
    "model",
    "provider",
    "from",
    "until",
    "tier",
    "region",
    *(f"usd_{name}" for name in _TABLES),
    "currency",
    *_TABLES,
    "discount",
    "free",
    "note",
)

_FX = dict[str, tuple[Rate, ...]]


def load_overrides(path: Path) -> Overrides:
    """Read a price file; an empty one gives no overrides.

    Raises PriceFileError with every problem, one ``file:line: text`` a line, and MissingExtraError
    if PyYAML is not installed.
    """
    report = Report(path)
    root = read_yaml(path, report)
    values, fx = _parts(root, report)
    found = [_own_price(value, report, fx) for value in values]
    if report.problems:
        raise PriceFileError("\n".join(report.problems))
    return Overrides(tuple(entry for entry in found if entry is not None))


def _parts(root: Value | None, report: Report) -> tuple[list[Value], _FX]:
    """Return the entries and the exchange rates of a file."""
    if root is None:
        return [], {}
    if root.items is not None:
        return root.items, {}
    if root.entries is None or not {"prices", "fx"} & root.entries.keys():
        report.add(root.line, 'write a list of entries, each starting with "- model: …"')
        return [], {}
    report.check_names(root.entries, ("prices", "fx"))
    prices = root.entries.get("prices")
    if prices is not None and prices.items is None:
        report.add(prices.line, 'prices: write a list of entries, each starting with "- model: …"')
    return (prices.items or []) if prices else [], _fx(root.entries.get("fx"), report)


def _fx(value: Value | None, report: Report) -> _FX:
    if value is None:
        return {}
    if value.entries is None:
        report.add(value.line, "fx: write rates, as fx: {EUR: [{from: 2026-01-01, usd: 1.08}]}")
        return {}
    found: _FX = {}
    for currency, rates in value.entries.items():
        if not _CURRENCY.fullmatch(currency) or currency == _USD:
            report.add(rates.line, f"fx: {currency[:20]!r} is not a currency such as EUR")
        elif not rates.items:
            report.add(rates.line, f"fx: {currency}: write [{{from: 2026-01-01, usd: 1.08}}]")
        else:
            given = [_rate(item, report) for item in rates.items]
            found[currency] = tuple(
                sorted((rate for rate in given if rate), key=lambda rate: rate.since)
            )
            days = [rate.since for rate in found[currency]]
            if len(set(days)) < len(days):
                report.add(rates.line, f"fx: {currency} has two rates from the same day; keep one")
    return found


def _rate(value: Value, report: Report) -> Rate | None:
    if value.entries is None:
        report.add(value.line, "fx: write a rate as {from: 2026-01-01, usd: 1.08}")
        return None
    report.check_names(value.entries, ("from", "usd"))
    since = day_of(value.entries, "from", report, needed_at=value.line)
    told = value.entries.get("usd")
    if told is None:
        report.add(value.line, "usd is missing: what one unit of the currency is worth")
        return None
    usd = number_of("usd", told, report, most=_MAX_RATE, decimals=12)
    if usd == 0:
        report.add(told.line, "usd: a currency is worth more than 0")
    return Rate(since, usd) if since is not None and usd else None


def _own_price(value: Value, report: Report, fx: _FX) -> OwnPrice | None:
    entry = value.entries
    if entry is None:
        report.add(value.line, "write an entry with fields: model: …, usd_per_mtok: {…}")
        return None
    report.check_names(entry, _FIELDS)
    since, until = day_of(entry, "from", report), day_of(entry, "until", report)
    if since is not None and until is not None and since >= until:
        report.add(entry["until"].line, f"until {until} is not after from {since}")
    is_free = true_of(entry, "free", report)
    has_prices = any(f"{usd}{name}" in entry for name in _TABLES for usd in ("usd_", ""))
    if has_prices + ("discount" in entry) + is_free != 1:
        report.add(
            value.line,
            "an entry needs one of: usd_per_mtok (or usd_per_request, usd_per_unit), "
            "discount, free",
        )
    discount = entry.get("discount")
    provider = text_of(entry, "provider", report)
    return OwnPrice(
        model=_model(entry, report, value.line, provider),
        origin=f"{report.path.name}:{value.line}",
        provider=provider,
        since=since,
        until=until,
        tier=_tier(text_of(entry, "tier", report)),
        region=_lowered(text_of(entry, "region", report)),
        rates=_rates(entry, since, report, fx),
        prices=_prices(entry, report) if has_prices else None,
        discount=discount and number_of("discount", discount, report, most=Decimal(1), decimals=6),
        is_free=is_free,
        note=(text_of(entry, "note", report) or "")[:_MAX_NOTE] or None,
    )


def _model(entry: Mapping[str, Value], report: Report, line: int, provider: str | None) -> str:
    """Return the glob; an entry for a whole provider (a contract) may leave the model out."""
    if "model" not in entry and provider is not None and "discount" in entry:
        return "*"
    return (text_of(entry, "model", report, needed_at=line) or "").lower()


def _lowered(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _tier(tier: str | None) -> str | None:
    lowered = _lowered(tier)
    return None if lowered in STANDARD_TIERS else lowered


def _rates(
    entry: Mapping[str, Value], since: date | None, report: Report, fx: _FX
) -> tuple[Rate, ...]:
    """Return the rates of the entry's currency; every day that it holds must have one."""
    currency = text_of(entry, "currency", report)
    given = [name for name in _TABLES if name in entry]
    if currency is None or currency == _USD:
        if given and currency is None:
            name = given[0]
            report.add(entry[name].line, f"{name} needs a currency; for US dollars: usd_{name}")
        return ()
    line = entry["currency"].line
    for name in _TABLES:
        if f"usd_{name}" in entry:
            report.add(entry[f"usd_{name}"].line, f"these are {currency}: call them {name}")
    rates = fx.get(currency, ())
    if not rates:
        report.add(
            line, f"no rate of {currency}: add fx: {{{currency}: [{{from: 2026-01-01, usd: …}}]}}"
        )
    elif since is None or since < rates[0].since:
        held = "always" if since is None else f"from {since}"
        report.add(
            line,
            f"the entry holds {held}, but the first rate of {currency} is from {rates[0].since}; "
            "add an earlier rate, or give the entry a later from",
        )
    return rates


def _prices(entry: Mapping[str, Value], report: Report) -> UnitPrices:
    """Return an entry's unit prices; what follows from a price that is given is filled in."""
    tokens, fees, units = (_table(entry, name, report) for name in _TABLES)
    for kind, stand_in in (
        ("reasoning", "output"),
        ("image_input", "input"),
        ("video_input", "input"),
        ("cache_read_audio", "cache_read"),
        ("cache_read_image", "cache_read"),
        ("cache_write_5m", "cache_write"),
        ("cache_write_1h", "cache_write"),
        # Last, so that a price for 5 minutes never becomes one for an hour. Five minutes is what
        # Anthropic means where no lifetime is said.
        ("cache_write", "cache_write_5m"),
    ):
        if stand_in in tokens:
            tokens.setdefault(kind, tokens[stand_in])
    per_call = fees.pop(_PER_CALL, Decimal(0))
    return UnitPrices(**tokens, requests=fees, units=units, per_call=per_call)


def _table(entry: Mapping[str, Value], name: str, report: Report) -> dict[str, Decimal]:
    """Return one table of prices, under its own name or with ``usd_`` before it."""
    known, most, decimals = _TABLES[name]
    field = name if name in entry else f"usd_{name}"
    value = entry.get(field)
    if value is None:
        return {}
    if field == name:
        most *= _MAX_WORTH_LESS
    if not value.entries:
        report.add(value.line, f"{field}: write prices, as {field}: {{{known[0]}: 1.25}}")
        return {}
    report.check_names(value.entries, known)
    found: dict[str, Decimal] = {}
    for kind, told in value.entries.items():
        if kind in known:
            price = number_of(kind, told, report, most=most, decimals=decimals)
            if price is not None:
                found[kind] = price
    return found
