"""Families of samples → Prometheus' text format 0.0.4. Pure.

Says nothing about what is measured: that is ``self_metrics``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric, with a sample for each set of labels."""

    name: str
    """By Prometheus' conventions: a counter ends in ``_total``, a unit is a base unit."""
    kind: Literal["counter", "gauge"]
    meaning: str
    samples: tuple[tuple[Mapping[str, str], float], ...]
    """(labels, value)."""


def one(name: str, kind: Literal["counter", "gauge"], meaning: str, value: float) -> Family:
    """Return a family with a single sample and no labels."""
    return Family(name=name, kind=kind, meaning=meaning, samples=(({}, value),))


def by_label(
    name: str,
    kind: Literal["counter", "gauge"],
    meaning: str,
    label: str,
    values: Mapping[str, float],
) -> Family:
    """Return a family with one label; a family without samples is left out of the text."""
    samples = tuple(({label: key}, value) for key, value in sorted(values.items()))
    return Family(name=name, kind=kind, meaning=meaning, samples=samples)


def exposition(families: Iterable[Family]) -> str:
    """Write the families in the text format 0.0.4."""
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        lines.append(f"# HELP {family.name} {_escaped(family.meaning, quotes=False)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for labels, value in family.samples:
            inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            shown = f"{{{inside}}}" if inside else ""
            lines.append(f"{family.name}{shown} {_number(value)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str, *, quotes: bool = True) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return escaped.replace('"', '\\"') if quotes else escaped


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
