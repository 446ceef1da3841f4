"""The user's price file, YAML: read with care, every problem reported with its line.

A file is a list of entries; the first that matches a call prices it. ``docs/prices.md`` has the
fields. Numbers are taken as they are written, never through a float. PyYAML is imported only here,
and only when there is a file.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.errors import MissingExtraError, PriceFileError
from llmtrace.pricing.match import STANDARD_TIERS
from llmtrace.pricing.own_prices import Overrides, OwnPrice
from llmtrace.pricing.unit_prices import TOKEN_KINDS, UnitPrices

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BYTES: Final = 1_048_576
_MAX_PROBLEMS: Final = 50
_MAX_USD_PER_MTOK: Final = Decimal(100_000)
_MAX_USD_PER_REQUEST: Final = Decimal(1_000)

_FIELDS: Final = (
    "model",
    "provider",
    "from",
    "until",
    "tier",
    "usd_per_mtok",
    "usd_per_request",
    "discount",
    "free",
)
_PER_CALL: Final = "request"
_REQUEST_KINDS: Final = (
    _PER_CALL,
    "web_search",
    "web_fetch",
    "x_search",
    "file_search",
    "document_search",
    "code_execution",
    "image_generation",
)


@dataclass(slots=True)
class _Value:
    """A scalar or mapping of the file with the line it stands on."""

    line: int
    text: str | None = None
    """The scalar as written; None for anything else, and for null."""
    entries: dict[str, _Value] | None = None
    """The pairs of a mapping; None for anything else."""


@dataclass(slots=True)
class _Report:
    """Problems found, as ``file:line: text``."""

    path: Path
    problems: list[str] = field(default_factory=list[str])

    def add(self, line: int, text: str) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(f"{self.path}:{line}: {text}")


def load_overrides(path: Path) -> Overrides:
    """Read a price file; an empty one gives no overrides.

    Raises PriceFileError with every problem, one ``file:line: text`` a line, and MissingExtraError
    if PyYAML is not installed.
    """
    report = _Report(path)
    values = _entries(_compose(path), report)
    found = [_own_price(value, report) for value in values]
    if report.problems:
        raise PriceFileError("\n".join(report.problems))
    return Overrides(tuple(entry for entry in found if entry is not None))


def _compose(path: Path) -> Any:
    """Return the file's YAML node tree: scalars as text, aliases resolved, nothing constructed."""
    try:
        import yaml  # noqa: PLC0415  # an extra; who has no price file does without
    except ImportError as error:
        raise MissingExtraError(f"The price file {path}", "server") from error
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise PriceFileError(
            f"{path}: cannot be read ({why}); check LLMTRACE_PRICES or prices_file"
        ) from error
    if len(data) > MAX_BYTES:
        raise PriceFileError(f"{path}: larger than {MAX_BYTES:,} bytes; is it a price file?")
    try:
        return yaml.compose(data.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise PriceFileError(f"{path}: not UTF-8 at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise PriceFileError(f"{path}:{line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise PriceFileError(f"{path}: not YAML: {error}") from error
    except RecursionError as error:
        raise PriceFileError(f"{path}: nested too deeply to be a price file") from error


def _entries(root: Any, report: _Report) -> list[_Value]:
    if root is None:
        return []
    if root.id != "sequence":
        report.add(_line(root), 'write a list of entries, each starting with "- model: …"')
        return []
    return [_value(node, report, depth=0) for node in root.value]


def _value(node: Any, report: _Report, *, depth: int) -> _Value:
    """Turn a YAML node into a ``_Value``; what nests deeper than an entry's prices is left out."""
    line = _line(node)
    if node.id == "scalar":
        return _Value(line, None if node.tag == "tag:yaml.org,2002:null" else str(node.value))
    if node.id != "mapping" or depth > 1:
        return _Value(line)
    entries: dict[str, _Value] = {}
    for key, value in node.value:
        name = str(key.value) if key.id == "scalar" else "?"
        if name in entries:
            report.add(_line(key), f"{name!r} is given twice in one place; keep one")
            continue
        entries[name] = _value(value, report, depth=depth + 1)
    return _Value(line, entries=entries)


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _own_price(value: _Value, report: _Report) -> OwnPrice | None:
    entry = value.entries
    if entry is None:
        report.add(value.line, "write an entry with fields: model: …, usd_per_mtok: {…}")
        return None
    _check_names(entry, _FIELDS, report)
    since, until = _day(entry, "from", report), _day(entry, "until", report)
    if since is not None and until is not None and since >= until:
        report.add(entry["until"].line, f"until {until} is not after from {since}")
    discount = _number(entry, "discount", report, most=Decimal(1), decimals=6)
    is_free = _true(entry, report)
    has_prices = "usd_per_mtok" in entry or "usd_per_request" in entry
    if has_prices + ("discount" in entry) + is_free != 1:
        report.add(
            value.line, "an entry needs one of: usd_per_mtok (or usd_per_request), discount, free"
        )
    tier = _text(entry, "tier", report)
    return OwnPrice(
        model=(_text(entry, "model", report, needed_at=value.line) or "").lower(),
        origin=f"{report.path.name}:{value.line}",
        provider=_text(entry, "provider", report),
        since=since,
        until=until,
        tier=_tier(tier),
        prices=_prices(entry, report) if has_prices else None,
        discount=discount,
        is_free=is_free,
    )


def _tier(tier: str | None) -> str | None:
    lowered = None if tier is None else tier.lower()
    return None if lowered in STANDARD_TIERS else lowered


def _prices(entry: Mapping[str, _Value], report: _Report) -> UnitPrices:
    """Return an entry's unit prices; what follows from a price that is given is filled in."""
    tokens: dict[str, Decimal] = {}
    for name, value in _table(entry, "usd_per_mtok", TOKEN_KINDS, report).items():
        price = _decimal(name, value, report, most=_MAX_USD_PER_MTOK, decimals=6)
        if price is not None:
            tokens[name] = price
    fees: dict[str, Decimal] = {}
    for name, value in _table(entry, "usd_per_request", _REQUEST_KINDS, report).items():
        price = _decimal(name, value, report, most=_MAX_USD_PER_REQUEST, decimals=12)
        if price is not None:
            fees[name] = price
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
    return UnitPrices(**tokens, requests=fees, per_call=per_call)


def _table(
    entry: Mapping[str, _Value], name: str, known: tuple[str, ...], report: _Report
) -> dict[str, _Value]:
    value = entry.get(name)
    if value is None:
        return {}
    if not value.entries:
        report.add(value.line, f"{name}: write prices, as {name}: {{{known[0]}: 1.25}}")
        return {}
    _check_names(value.entries, known, report)
    return {key: price for key, price in value.entries.items() if key in known}


def _check_names(given: Mapping[str, _Value], known: tuple[str, ...], report: _Report) -> None:
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            report.add(value.line, f"unknown field {name[:80]!r}; {hint}")


def _text(
    entry: Mapping[str, _Value], name: str, report: _Report, *, needed_at: int | None = None
) -> str | None:
    value = entry.get(name)
    if value is None:
        if needed_at is not None:
            report.add(needed_at, f"{name} is missing")
        return None
    if not value.text or not value.text.strip():
        report.add(value.line, f"{name}: write a name")
        return None
    return value.text.strip()


def _day(entry: Mapping[str, _Value], name: str, report: _Report) -> date | None:
    value = entry.get(name)
    if value is None:
        return None
    try:
        return date.fromisoformat(value.text or "")
    except ValueError:
        report.add(value.line, f"{name}: {value.text!r} is not a day; write it as 2026-11-20")
        return None


def _true(entry: Mapping[str, _Value], report: _Report) -> bool:
    value = entry.get("free")
    if value is None:
        return False
    if (value.text or "").lower() != "true":
        report.add(value.line, f"free: {value.text!r}; write true, or leave it out")
    return True


def _number(
    entry: Mapping[str, _Value], name: str, report: _Report, *, most: Decimal, decimals: int
) -> Decimal | None:
    value = entry.get(name)
    if value is None:
        return None
    return _decimal(name, value, report, most=most, decimals=decimals)


def _decimal(
    name: str, value: _Value, report: _Report, *, most: Decimal, decimals: int
) -> Decimal | None:
    """Return a number as it is written; one with more decimals than the store keeps is refused."""
    shown = repr((value.text or "")[:40])
    try:
        number = Decimal(value.text or "")
    except InvalidOperation:
        report.add(value.line, f"{name}: {shown} is not a number")
        return None
    if not number.is_finite() or not 0 <= number <= most:
        report.add(value.line, f"{name}: {shown} is not between 0 and {most:,}")
        return None
    if -cast("int", number.normalize().as_tuple().exponent) > decimals:
        report.add(value.line, f"{name}: {shown} has more than {decimals} decimals")
        return None
    return number
