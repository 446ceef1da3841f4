"""One request's bytes → priced rows: what the drain does to every frame. Pure, no store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace.otlp.decode import decode
from llmtrace.otlp.normalize import UNPRICED, normalize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.otlp.rows import Pricer, SpanRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """The rows of one request, and what was refused or repaired in it."""

    rows: list[SpanRow]
    counts: Mapping[str, int]
    """By reason: ``rejected.id``, ``limited.<what>``, ``repaired.<column>``."""


def ingest(payload: bytes, pricer: Pricer) -> Ingested:
    """Decode, normalize and price one ``ExportTraceServiceRequest``.

    Only calls that came without a price are priced. Raises MalformedOtlpError.
    """
    decoded = decode(payload)
    counts: Counter[str] = Counter()
    if decoded.rejected:
        counts["rejected.id"] = decoded.rejected
    for reason, count in decoded.counts.items():
        counts[f"limited.{reason}"] += count
    rows: list[SpanRow] = []
    for span in decoded.spans:
        row, repaired = normalize(span)
        for column in repaired:
            counts[f"repaired.{column}"] += 1
        rows.append(pricer(row) if row.is_inference and row.cost_source == UNPRICED else row)
    return Ingested(rows=rows, counts=counts)
