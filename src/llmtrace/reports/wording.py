"""The figures of a report → its words. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from llmtrace.reports.document import NO_VALUE, Document
from llmtrace.store.comparison import change_ratio, share
from llmtrace.store.visible import short_name

if TYPE_CHECKING:
    from llmtrace.reports.document import Pairs
    from llmtrace.reports.facts import Comparison, Mover, Report, Row
    from llmtrace.reports.spans import Span

MAX_ROWS: Final = 20
"""Rows in words; the others are one row, so that the column still adds up."""
UNKNOWN: Final = "–"


def document(report: Report, *, title: str | None = None) -> Document:
    """Word ``report``."""
    shown, rest = report.rows[:MAX_ROWS], report.rows[MAX_ROWS:]
    total = report.total
    rows = [_row(_name(row[report.by]), row) for row in shown]
    if rest:
        rows.append(_rest(rest, total))
    return Document(
        title=title or f"LLM spend by {report.by}",
        period=period(report.span),
        summary=_summary(report),
        figures=_figures(report),
        columns=(
            report.by.capitalize(), "Cost", "Share", "Change", "Requests", "Errors",
            "Per request", "Per 1k tokens", "Cache saved", "Unpriced",
        ),
        rows=tuple(rows),
        movers=tuple(_mover(mover) for mover in report.comparison.movers)
        if report.comparison
        else (),
        notes=_notes(report),
    )  # fmt: skip


def period(span: Span) -> str:
    """Return a range of time in words, in UTC."""
    return f"{span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC"


def money(amount: Decimal | None, *, unpriced: int = 0) -> str:
    """Return an amount rounded for people, to the cent or to four digits of a small one.

    ``≥`` where ``unpriced`` calls are not in it; ``unpriced`` where nothing is.
    """
    if amount is None:
        return "unpriced" if unpriced else UNKNOWN
    size = abs(amount)
    places = 2 if size >= 1 or size == 0 else 4 if size >= Decimal("0.01") else 6
    text = f"{size.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f}"
    if places == 6:
        whole, _, fraction = text.partition(".")
        text = f"{whole}.{fraction.rstrip('0').ljust(4, '0')}"
        if not Decimal(text):
            text = f"{size.normalize():f}"  # never 0 for what was paid
    sign = "-" if amount < 0 else ""
    return f"{'≥ ' if unpriced else ''}{sign}${text}"


def count(value: int | None) -> str:
    """Return a number with thousands parted; unknown is a dash."""
    return UNKNOWN if value is None else f"{value:,}"


def percent(ratio: float | None, *, is_change: bool = False) -> str:
    """Return a ratio as a percentage; a change with its sign, as a multiple beyond 1 000 %."""
    if ratio is None:
        return UNKNOWN
    if is_change and ratio >= 10:
        return f"{ratio + 1:,.0f}×"
    if not is_change:
        return f"{ratio:.1%}"
    shown = f"{ratio:+.1%}"
    return shown if shown.strip("+-0.%") else shown[1:]  # there is no -0.0 %


def _name(value: str | None) -> str:
    return NO_VALUE if value is None else short_name(value)


def _row(name: str, row: Row) -> tuple[str, ...]:
    return (
        name,
        money(row["cost"], unpriced=row["unpriced_count"]),
        percent(row["share"]),
        _change(row),
        count(row["requests"]),
        count(row["errors"]),
        money(row["cost_per_request"]),
        money(row["cost_per_1k_tokens"]),
        money(row["cache_savings"]),
        count(row["unpriced_count"]),
    )


def _rest(rest: list[Row], total: Row) -> tuple[str, ...]:
    costs = [row["cost"] for row in rest if row["cost"] is not None]
    saved = [row["cache_savings"] for row in rest if row["cache_savings"] is not None]
    cost = sum(costs, Decimal(0)) if costs else None
    unpriced = sum(row["unpriced_count"] for row in rest)
    return (
        f"({len(rest):,} more)",
        money(cost, unpriced=unpriced),
        percent(share(cost, total["cost"])),
        UNKNOWN,
        count(sum(row["requests"] for row in rest)),
        count(sum(row["errors"] for row in rest)),
        UNKNOWN,
        UNKNOWN,
        money(sum(saved, Decimal(0)) if saved else None),
        count(unpriced),
    )


def _change(row: Row) -> str:
    # "new": nothing was called before; a dash: the cost of one of the two is unknown.
    is_new = row.get("previous_cost") == 0 and row["cost"]
    return "new" if is_new else percent(row.get("change"), is_change=True)


def _summary(report: Report) -> str:
    spent = money(report.total["cost"], unpriced=report.total["unpriced_count"])
    if not report.total["requests"]:
        return "No calls in this time"
    if report.comparison is None:
        return f"Spent {spent}"
    return f"Spent {spent}, {_changed(report.comparison)}; {_usual(report.comparison)}"


def _changed(comparison: Comparison) -> str:
    before = comparison.total
    told = money(before["cost"], unpriced=before["unpriced_count"])
    if comparison.change is None:
        return (
            "nothing was called in the time before" if not before["requests"] else f"{told} before"
        )
    return f"{percent(comparison.change, is_change=True)} on the time before ({told})"


def _usual(comparison: Comparison) -> str:
    found = comparison.usual
    if found.low is None or found.high is None:
        return f"not enough history to say what is usual ({found.periods} earlier periods)"
    band = f"{money(found.low)} to {money(found.high)} in {found.periods} earlier periods"
    return {
        "usual": f"usual ({band})",
        "high": f"unusually high ({band})",
        "low": f"unusually low ({band})",
        "unknown": f"cannot be held against what is usual ({band})",
    }[found.verdict]


def _figures(report: Report) -> Pairs:
    total = report.total
    errors = f"{count(total['errors'])} ({percent(share(total['errors'], total['requests']))})"
    found = [
        ("Cost", money(total["cost"], unpriced=total["unpriced_count"])),
        ("Requests", count(total["requests"])),
        ("Errors", errors if total["requests"] else count(total["errors"])),
        ("Cost per request", money(total["cost_per_request"])),
        ("Cost per 1k tokens", money(total["cost_per_1k_tokens"])),
        ("Cache saved", money(total["cache_savings"])),
        ("Input tokens", count(total["input_tokens"])),
        ("Output tokens", count(total["output_tokens"])),
        ("Unpriced calls", count(total["unpriced_count"])),
    ]
    if report.comparison is not None:
        before = report.comparison.total
        calls = percent(change_ratio(total["requests"], before["requests"]), is_change=True)
        found[1:1] = [("Change", percent(report.comparison.change, is_change=True))]
        found[3:3] = [("Change of requests", calls)]
    return tuple(found)


def _mover(mover: Mover) -> tuple[str, str]:
    sign = "+" if mover.change > 0 else "-"
    text = f"{sign}{money(abs(mover.change))} ({money(mover.before)} → {money(mover.now)})"
    return _name(mover.value), text


def _notes(report: Report) -> tuple[str, ...]:
    notes: list[str] = []
    if report.unpriced:
        calls = sum(number for _, number in report.unpriced)
        names = ", ".join(_name(model) for model, _ in report.unpriced[:5])
        more = f" and {len(report.unpriced) - 5} more" if len(report.unpriced) > 5 else ""
        notes.append(
            f"{calls:,} call{'' if calls == 1 else 's'} of {names}{more} without a price: "
            "they are in no cost, so each ≥ is a lower bound"
        )
    if report.comparison is not None:
        span = report.comparison
        notes.append(
            f"Changes are against {span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC"
        )
    for name, values in report.filters.items():
        kept = ", ".join(_name(value) for value in values)
        notes.append(f"Only calls with {name} {kept}")
    notes.append("Amounts in US dollars, rounded for reading; exact with --format json or csv")
    return tuple(notes)
