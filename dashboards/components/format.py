"""Numbers, money, times and untrusted text as people read them. Pure.

What a span says is shown by ``st.text``, ``st.code`` or a table's text column, never as Markdown
or HTML (a Markdown image would call home), and goes through ``plain`` first.
"""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

NONE: Final = "\u2013"
UNPRICED: Final = "unpriced"
_SMALLEST: Final = Decimal("0.000001")


def plain(value: object, limit: int = 300) -> str:
    """Return untrusted text with control and direction characters as escapes, cut to ``limit``.

    Line breaks and tabs stay; None is a dash.
    """
    if value is None:
        return NONE
    text = str(value)
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(_visible(character) for character in cut)


def one_line(value: object, limit: int = 120) -> str:
    """Return ``plain`` text without line breaks, for a cell."""
    return plain(None if value is None else " ".join(str(value).split()), limit)


def money(amount: Decimal | None) -> str:
    """Return US dollars: to the cent, below a cent to two significant digits, so not as $0.00."""
    if amount is None:
        return UNPRICED
    sign, size = ("\u2212" if amount < 0 else ""), abs(amount)
    if size == 0:
        return "$0.00"
    if size < _SMALLEST:
        return f"{sign}<$0.000001"
    if size < Decimal("0.01"):
        return f"{sign}${size:.{1 - size.adjusted()}f}"
    return f"{sign}${size:,.2f}"


def money_if_known(amount: Decimal | None) -> str:
    """Return ``money``; a dash where there is no such amount, priced or not."""
    return NONE if amount is None else money(amount)


def exact_money(amount: Decimal | None) -> str:
    """Return US dollars with all the digits there are, at least two decimals."""
    if amount is None:
        return UNPRICED
    digits = f"{amount:f}"
    whole, _, fraction = digits.partition(".")
    return f"${whole}.{fraction.rstrip('0').ljust(2, '0')}"


def spent(amount: Decimal | None, unpriced: int, write: Callable[[Decimal], str] = money) -> str:
    """Return what some calls cost together; a lower bound where so many of them have no price.

    A dash where there was nothing to pay.
    """
    if amount is None:
        return UNPRICED if unpriced else NONE
    return ("\u2265 " if unpriced else "") + write(amount)


def count(value: float | None) -> str:
    """Return a whole number with thousands separators."""
    return NONE if value is None else f"{value:,.0f}"


def short_count(value: float | None) -> str:
    """Return a whole number as 999, 12.3k or 4.5M."""
    if value is None:
        return NONE
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):,.1f}{unit}"
    return f"{value:,.0f}"


def byte_size(value: float | None) -> str:
    """Return bytes as 999 B, 12.3 kB, 4.5 MB or 6.7 GB, in thousands."""
    if value is None:
        return NONE
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= size:
            return f"{value / size:,.1f} {unit}"
    return f"{value:,.0f} B"


def percent(value: float | None, digits: int = 1) -> str:
    """Return a ratio as a percentage."""
    return NONE if value is None else f"{value:.{digits}%}"


def change(value: float | None, digits: int = 0) -> str | None:
    """Return a change ratio with its sign, as a metric's delta; None shows none."""
    if value is None:
        return None
    return _signed(f"{value:+.{digits}%}") if abs(value) < 10 else f"{value + 1:,.0f}x"


def is_no_change(shown: str | None) -> bool:
    """Say whether what ``change`` or ``points`` returned rounds to nothing."""
    return shown is not None and not shown.strip("+-0.% p")


def prior(span: str) -> str:
    """Return what a range's figures are compared with, for the name of a range."""
    return {"MTD": "prior days", "Custom": "days before"}.get(span, f"prior {span}")


def points(value: float | None) -> str | None:
    """Return the change of a rate in percentage points, as a metric's delta; None shows none."""
    return None if value is None else _signed(f"{value * 100:+.1f} pp")


def duration(value_ms: float | None) -> str:
    """Return milliseconds in the unit that reads best."""
    if value_ms is None:
        return NONE
    if value_ms < 1_000:
        return f"{value_ms:.0f} ms" if value_ms >= 10 else f"{value_ms:.1f} ms"
    if value_ms < 120_000:
        return f"{value_ms / 1_000:.2f} s" if value_ms < 10_000 else f"{value_ms / 1_000:.1f} s"
    return f"{value_ms / 60_000:.1f} min"


def moment(value: datetime) -> str:
    """Return a local time to the second; sorts as text."""
    return f"{value:%Y-%m-%d %H:%M:%S}"


def plural(number: int, noun: str) -> str:
    """Return ``1 call``, ``2 calls``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _signed(shown: str) -> str:
    """Leave the sign off what rounds to nothing: there is no -0 %."""
    return shown.lstrip("+-") if is_no_change(shown) else shown


def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character)[0] != "C":
        return character
    return f"\\u{ord(character):04x}"
