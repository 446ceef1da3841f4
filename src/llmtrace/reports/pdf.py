"""A report as PDF, by fpdf2 (the extra ``pdf``): A4 across, text and one table, no link, no script.

PDF's own fonts know Western European letters only, and no font is shipped: every other letter of a
name is written as its escape, so that two names never look alike.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from llmtrace.errors import MissingExtraError

if TYPE_CHECKING:
    from llmtrace.reports.document import Document

_FONT: Final = "Helvetica"
_LINE_MM: Final = 5.0
_WIDTHS: Final = (3, *[1] * 9)
_PLAIN: Final = str.maketrans({"≥": ">=", "→": "->", "–": "-", "×": "x", "…": "..."})


def to_pdf(report: Document) -> bytes:
    """Return ``report`` as a PDF file. Raises MissingExtraError if fpdf2 is not installed."""
    try:
        # By its name: the package is optional, and its types with it.
        fpdf: Any = importlib.import_module("fpdf")
    except ModuleNotFoundError as error:
        raise MissingExtraError("a report as PDF (by fpdf2)", "pdf") from error
    pdf = fpdf.FPDF(orientation="landscape", format="A4")
    pdf.set_title(_text(report.title))
    pdf.add_page()
    _line(pdf, report.title, size=16, style="B")
    _line(pdf, report.period)
    _line(pdf, report.summary, size=12, style="B")
    _line(pdf, "   ".join(f"{name}: {text}" for name, text in report.figures))
    if report.rows:
        _table(pdf, report)
    if report.movers:
        _line(pdf, "What changed most", size=12, style="B")
        for value, text in report.movers:
            _line(pdf, f"{value}   {text}")
    for note in report.notes:
        _line(pdf, note, size=8)
    return bytes(pdf.output())


def _line(pdf: Any, text: str, *, size: int = 10, style: str = "") -> None:
    pdf.set_font(_FONT, style, size)
    pdf.multi_cell(0, _LINE_MM * size / 10, _text(text), align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(1)


def _table(pdf: Any, report: Document) -> None:
    pdf.set_font(_FONT, "", 9)
    widths = _WIDTHS[: len(report.columns)]
    sides = ("LEFT", *["RIGHT"] * (len(report.columns) - 1))
    with pdf.table(
        col_widths=widths,
        text_align=sides,
        line_height=_LINE_MM,
        borders_layout="HORIZONTAL_LINES",
    ) as table:
        for cells in (report.columns, *report.rows):
            row = table.row()
            for cell in cells:
                row.cell(_text(cell))
    pdf.ln(2)


def _text(text: str) -> str:
    """Write what the font lacks as escapes."""
    return "".join(
        character if ord(character) < 0x100 else f"\\u{ord(character):04x}"
        for character in text.translate(_PLAIN)
    )
