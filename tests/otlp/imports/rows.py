"""What the store would get of an export's record; for tests only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmtrace import semconv
from llmtrace.otlp.encode import encode_request
from llmtrace.otlp.imports import FORMATS
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.store.ingest import ingest

if TYPE_CHECKING:
    from llmtrace.otlp.rows import SpanRow


def row_of(form: str, record: dict[str, Any]) -> SpanRow:
    """Return the row of a record that makes one span."""
    (row,) = rows_of(form, record)
    return row


def rows_of(form: str, record: dict[str, Any]) -> list[SpanRow]:
    """Return the rows of a record, in its order."""
    reader = FORMATS[form]
    rows: list[SpanRow] = []
    for part in reader.parts(record):
        made = reader.read(part)
        if made is not None:
            scope = semconv.IMPORT_SCOPE_PREFIX + form
            payload = encode_request(made.resource, scope, "1", [made.span])
            rows += ingest(payload, leave_unpriced).rows
    return rows


def tokens(row: SpanRow) -> tuple[int | None, ...]:
    """Return input, output, cache read, cache write, reasoning."""
    return (
        row.input_tokens,
        row.output_tokens,
        row.cache_read_tokens,
        row.cache_write_tokens,
        row.reasoning_tokens,
    )
