"""A report as one HTML file: no script, nothing fetched, every text escaped; prints on paper.

The policy in its head forbids the browser anything but the styles in the file itself.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from llmtrace.reports.document import Document

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2939; --soft: #475467; --line: #d0d5dd; --paper: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f2f4f7; --soft: #b0b8c4; --line: #3a4555; --paper: #10151d }
}
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: var(--ink);
  background: var(--paper); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
.period, .notes { color: var(--soft) } .summary { font-size: 1.1rem; font-weight: 600 }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem }
dt { color: var(--soft); font-size: .85rem } dd { margin: 0; font-size: 1.15rem }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere;
  min-width: 9rem }
thead { display: table-header-group } tr { break-inside: avoid }
bdi { overflow-wrap: anywhere }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #333; --line: #999; --paper: #fff }
  body { margin: 0; max-width: none; font-size: 10pt } .wide { overflow: visible }
  @page { size: A4 landscape; margin: 12mm }
}
"""
_HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
"""


def to_html(report: Document) -> str:
    """Return ``report`` as a whole HTML page."""
    parts = [
        _HEAD.format(title=escape(report.title), style=_STYLE),
        f"<main>\n<h1>{_text(report.title)}</h1>\n",
        f'<p class="period">{_text(report.period)}</p>\n',
        f'<p class="summary">{_text(report.summary)}</p>\n',
        _figures(report),
    ]
    if report.rows:
        parts.append(_table(report))
    if report.movers:
        lines = "".join(
            f"<li><bdi>{_text(value)}</bdi> {_text(text)}</li>\n" for value, text in report.movers
        )
        parts.append(f"<h2>What changed most</h2>\n<ul>\n{lines}</ul>\n")
    notes = "".join(f"<li>{_text(note)}</li>\n" for note in report.notes)
    parts.append(f'<ul class="notes">\n{notes}</ul>\n</main>\n</body>\n</html>\n')
    return "".join(parts)


def _figures(report: Document) -> str:
    found = "".join(
        f"<div><dt>{_text(name)}</dt><dd>{_text(text)}</dd></div>\n"
        for name, text in report.figures
    )
    return f"<dl>\n{found}</dl>\n"


def _table(report: Document) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in report.columns)
    lines = "".join(
        f"<tr><td><bdi>{_text(name)}</bdi></td>"
        + "".join(f"<td>{_text(figure)}</td>" for figure in figures)
        + "</tr>\n"
        for name, *figures in report.rows
    )
    return (
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}</tbody>\n'
        "</table></div>\n"
    )


def _text(text: str) -> str:
    return escape(text, quote=True)
