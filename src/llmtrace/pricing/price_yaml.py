"""YAML of a price file as values that know their line; nothing is constructed, nothing a float.

Reading and complaining only: what the fields mean is in ``overrides``. PyYAML is imported only
here, and only when there is a file.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.errors import MissingExtraError, PriceFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BYTES: Final = 1_048_576
_MAX_PROBLEMS: Final = 50
_MAX_DEPTH: Final = 6


@dataclass(slots=True)
class Value:
    """A scalar, mapping or list of the file with the line it stands on."""

    line: int
    text: str | None = None
    """The scalar as written; None for anything else, and for null."""
    entries: dict[str, Value] | None = None
    """The pairs of a mapping; None for anything else."""
    items: list[Value] | None = None
    """The items of a list; None for anything else."""


@dataclass(slots=True)
class Report:
    """Problems found, as ``file:line: text``."""

    path: Path
    problems: list[str] = field(default_factory=list[str])

    def add(self, line: int, text: str) -> None:
        """Remember one problem; the first fifty are kept."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(f"{self.path}:{line}: {text}")

    def check_names(self, given: Mapping[str, Value], known: tuple[str, ...]) -> None:
        """Complain about every name that is none of ``known``, with the nearest that is."""
        for name, value in given.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
                self.add(value.line, f"unknown field {name[:80]!r}; {hint}")


def read_yaml(path: Path, report: Report) -> Value | None:
    """Return the file's root value, None if it is empty.

    Raises PriceFileError if it cannot be read or is no YAML, MissingExtraError without PyYAML.
    """
    root = _compose(path)
    return None if root is None else _value(root, report, depth=0)


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


def _value(node: Any, report: Report, *, depth: int) -> Value:
    """Turn a YAML node into a ``Value``; what nests deeper than a price file does is left out."""
    line = int(node.start_mark.line) + 1
    if node.id == "scalar":
        return Value(line, None if node.tag == "tag:yaml.org,2002:null" else str(node.value))
    if depth > _MAX_DEPTH:
        return Value(line)
    if node.id == "sequence":
        return Value(line, items=[_value(item, report, depth=depth + 1) for item in node.value])
    entries: dict[str, Value] = {}
    for key, value in node.value:
        name = str(key.value) if key.id == "scalar" else "?"
        if name in entries:
            key_line = int(key.start_mark.line) + 1
            report.add(key_line, f"{name!r} is given twice in one place; keep one")
            continue
        entries[name] = _value(value, report, depth=depth + 1)
    return Value(line, entries=entries)


def text_of(
    entry: Mapping[str, Value], name: str, report: Report, *, needed_at: int | None = None
) -> str | None:
    """Return a field's text without the space around it; None if it is not there."""
    value = entry.get(name)
    if value is None:
        if needed_at is not None:
            report.add(needed_at, f"{name} is missing")
        return None
    if not value.text or not value.text.strip():
        report.add(value.line, f"{name}: write a name")
        return None
    return value.text.strip()


def day_of(
    entry: Mapping[str, Value], name: str, report: Report, *, needed_at: int | None = None
) -> date | None:
    """Return a field's day; None if it is not there."""
    value = entry.get(name)
    if value is None:
        if needed_at is not None:
            report.add(needed_at, f"{name} is missing")
        return None
    try:
        return date.fromisoformat(value.text or "")
    except ValueError:
        report.add(value.line, f"{name}: {value.text!r} is not a day; write it as 2026-11-20")
        return None


def true_of(entry: Mapping[str, Value], name: str, report: Report) -> bool:
    """Say if a field is there; it can only be true."""
    value = entry.get(name)
    if value is None:
        return False
    if (value.text or "").lower() != "true":
        report.add(value.line, f"{name}: {value.text!r}; write true, or leave it out")
    return True


def number_of(
    name: str, value: Value, report: Report, *, most: Decimal, decimals: int
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
