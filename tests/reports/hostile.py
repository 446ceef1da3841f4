"""A report whose names try everything that a reader's program might obey."""

from __future__ import annotations

from typing import Final

from llmtrace.reports.document import Document

NAMES: Final = (
    "<script>alert(1)</script>",
    '"><img src=https://evil.example/x.png onerror=alert(1)>',
    "![x](https://evil.example/x.png)",
    "[click](javascript:alert(1)) <https://evil.example>",
    "a|b`c`|d",
    "*bold* _it_ ~s~ # h www.evil.example @here <!channel> <@U1>",
    "=HYPERLINK(1)",
)


def a_hostile_document(**fields: tuple[tuple[str, ...], ...]) -> Document:
    """Return a report with ``NAMES`` in every place that a span can reach."""
    known = {
        "rows": tuple((name, "$1.00", "10.0%", "new", "1", "0") for name in NAMES),
        "movers": tuple((name, "+$1.00 ($0.00 → $1.00)") for name in NAMES),
    } | fields
    return Document(
        title="LLM spend by tag.<b>team",
        period="2026-11-11 00:00 to 2026-11-18 00:00 UTC",
        summary="Spent ≥ $7.00",
        figures=(("Cost", "≥ $7.00"), ("Requests", "7")),
        columns=("Tag.<b>team", "Cost", "Share", "Change", "Requests", "Errors"),
        notes=tuple(f"1 call of {name} without a price" for name in NAMES),
        **known,  # pyright: ignore[reportArgumentType]  # pairs and rows
    )
