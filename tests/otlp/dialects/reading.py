"""Reads a foreign span as the drain does, up to its row; for tests only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmtrace.otlp.decode import decode
from llmtrace.otlp.normalize import normalize
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from llmtrace.otlp.rows import SpanRow


def row_of(attributes: dict[str, Any], *, scope: str = "some.tool", **fields: Any) -> SpanRow:
    """Send one span through OTLP and return its row."""
    (plain,) = decode(request(span(1, attributes, **fields), scope=scope)).spans
    return normalize(plain).row


def counts(row: SpanRow) -> tuple[int | None, ...]:
    """Return input, output, cache read, cache write and reasoning tokens."""
    return (
        row.input_tokens,
        row.output_tokens,
        row.cache_read_tokens,
        row.cache_write_tokens,
        row.reasoning_tokens,
    )
