"""One rule file after the schema: its fields, what they default to, how its values are written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from llmtrace.alerts.document import Document

Fields = dict[str, object]

DEFAULTS: Final[dict[str, object]] = {
    "every": "1m",
    "delay": "30s",
    "for": "0s",
    "keep_firing_for": "5m",
    "no_data": "ok",
}
DEFAULT_MIN_REQUESTS: Final = 20
"""Guard of shares and percentiles: one error in three calls at night is not an error rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One rule file that has passed the schema."""

    name: str
    """As shown in messages."""
    document: Document

    @property
    def fields(self) -> Fields:
        """The file's top level."""
        return cast("Fields", self.document.value)


_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def duration(text: str) -> timedelta:
    """Return ``text`` such as ``1h30m`` as a timedelta; the schema has checked its form."""
    seconds, digits = 0, ""
    for character in text:
        if character.isdigit():
            digits += character
        else:
            seconds += int(digits) * _SECONDS[character]
            digits = ""
    return timedelta(seconds=seconds)


def number(value: object) -> Decimal:
    """Return a rule file's value in base units: ``5%`` → 0.05, ``800ms`` → 0.8, ``2m`` → 120."""
    text = str(value)
    for unit, factor in (("%", "0.01"), ("ms", "0.001"), ("s", "1"), ("m", "60")):
        if text.endswith(unit):
            return Decimal(text.removesuffix(unit)) * Decimal(factor)
    return Decimal(text)
