"""Report → Slack message (Block Kit), a pure function within Slack's limits (see ``blocks``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.alerts.message import plain
from llmtrace.alerts.notify.blocks import (
    FIELDS_MAX,
    HEADER_MAX,
    TEXT_MAX,
    Block,
    cut,
    escape,
    field,
    mrkdwn,
    plain_text,
)

if TYPE_CHECKING:
    from llmtrace.reports.document import Document

ROWS_MAX: Final = 10
LINE_MAX: Final = 150


def report_message(report: Document) -> Block:
    """Return the JSON body of an incoming webhook's request."""
    blocks: list[Block] = [
        {"type": "header", "text": plain_text(cut(plain(report.title), HEADER_MAX))},
        {"type": "section", "text": mrkdwn(cut(escape(report.summary), TEXT_MAX))},
        {
            "type": "section",
            "fields": [field(name, text) for name, text in report.figures[:FIELDS_MAX]],
        },
    ]
    lines = [_line(name, cost, share, change) for name, cost, share, change, *_ in report.rows]
    blocks += _section(f"By {report.columns[0].lower()}", lines)
    blocks += _section("What changed most", [_line(*mover) for mover in report.movers])
    notes = "\n".join(cut(escape(note), TEXT_MAX) for note in (report.period, *report.notes))
    blocks.append({"type": "context", "elements": [mrkdwn(cut(notes, 2 * TEXT_MAX))]})
    return {
        # Shown by notifications and read aloud by screen readers, which see no blocks.
        "text": cut(escape(f"{report.title}: {report.summary}"), TEXT_MAX),
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": blocks,
    }


def _section(title: str, lines: list[str]) -> list[Block]:
    if not lines:
        return []
    shown = lines[:ROWS_MAX]
    if len(lines) > ROWS_MAX:
        shown.append(f"… and {len(lines) - ROWS_MAX} more")
    return [{"type": "section", "text": mrkdwn("\n".join([f"*{escape(title)}*", *shown]))}]


def _line(name: str, *figures: str) -> str:
    # Within backticks nothing is bold, a link or a mention.
    told = cut(escape(name).replace("`", "'"), LINE_MAX)
    return f"`{told or ' '}` {' · '.join(escape(figure) for figure in figures)}"
