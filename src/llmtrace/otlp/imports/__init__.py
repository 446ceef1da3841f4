"""Exports of other tools → spans, for ``llmtrace import``: one pure reader for each format.

A record gets the attributes that its tool's own spans have, so that the dialects read it as they
read what comes live. ``files`` opens and takes files apart; nothing here stores anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.otlp.imports import (
    anthropic_usage,
    helicone,
    langfuse,
    langsmith,
    litellm,
    openai_usage,
    otlp,
)

if TYPE_CHECKING:
    from llmtrace.otlp.imports.records import Format

__all__ = ["FORMATS", "NAMES", "format_of"]

FORMATS: Final[dict[str, Format]] = {
    each.NAME: each.FORMAT
    # Whoever has more particular names stands before others.
    for each in (helicone, litellm, langsmith, langfuse, anthropic_usage, openai_usage)
}
NAMES: Final = (otlp.NAME, *sorted(FORMATS))


def format_of(names: frozenset[str]) -> str | None:
    """Return the format of a record by the names of its fields (snake case); None if unknown."""
    if otlp.knows(names):
        return otlp.NAME
    return next((name for name, form in FORMATS.items() if form.knows(names)), None)
