"""A report as GitHub-flavoured Markdown. What a span says is code: no link, image, tag, mention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.reports.document import NO_VALUE

if TYPE_CHECKING:
    from llmtrace.reports.document import Document


def to_markdown(report: Document) -> str:
    """Return ``report`` as Markdown, ending in a newline."""
    parts = [f"# {_plain(report.title)}", _plain(report.period), f"**{_plain(report.summary)}**"]
    parts.append("\n".join(f"- {name}: {_plain(text)}" for name, text in report.figures))
    if report.rows:
        parts.append(_table(report))
    if report.movers:
        lines = [f"- {_code(value)} {_plain(text)}" for value, text in report.movers]
        parts.append("\n".join(["## What changed most", "", *lines]))
    parts.append("\n".join(f"- {_plain(note)}" for note in report.notes))
    return "\n\n".join(parts) + "\n"


def _table(report: Document) -> str:
    head = " | ".join(_plain(name) for name in report.columns)
    rule = " | ".join([":--", *["--:"] * (len(report.columns) - 1)])
    lines = [
        " | ".join([_code(name), *(_plain(figure) for figure in figures)])
        for name, *figures in report.rows
    ]
    return "\n".join(f"| {line} |" for line in (head, rule, *lines))


def _code(text: str) -> str:
    """Quote a name: within backticks nothing has a meaning but a bar, which would end the cell."""
    if text == NO_VALUE:
        return NO_VALUE
    told = text.replace("`", "'").replace("|", "\\|")
    return f"`{told or ' '}`"


def _plain(text: str) -> str:
    # Words of ours and figures, but a note and a title may name what a span says.
    quoted = "".join(
        f"\\{character}" if character in "\\`*_[]<>|#~!&@" else character for character in text
    )
    return quoted.replace("://", "&#58;//").replace("www.", "www&#46;")
