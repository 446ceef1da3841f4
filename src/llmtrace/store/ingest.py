"""One request's bytes → priced rows: what the drain does to every frame. Pure, no store."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.clock import unix_ns
from llmtrace.otlp.decode import decode
from llmtrace.otlp.normalize import UNPRICED, normalize, resource_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from llmtrace.otlp.redacting import RowRedactor
    from llmtrace.otlp.rows import Pricer, SpanRow

_REASON: Final = re.compile(r"[a-z0-9_]{1,40}")
_MAX_REASONS: Final = 32
"""Of one app, in one request: names become rows of a table."""
_AHEAD: Final = timedelta(days=1)
"""Clocks of other time zones, written as if they were UTC, are at most so far ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """The rows of one request, and what was refused or repaired in it."""

    rows: list[SpanRow]
    counts: Mapping[str, int]
    """By reason: ``rejected.id``, ``limited.<what>``, ``repaired.<column>``, ``odd.future``,
    ``redacted.<kind>``, and what the apps say they lost: ``lost.<reason>``."""


def ingest(
    payload: bytes,
    pricer: Pricer,
    *,
    now: datetime | None = None,
    redact: RowRedactor | None = None,
) -> Ingested:
    """Decode, normalize and price one ``ExportTraceServiceRequest``.

    Only calls that came without a price are priced. Spans that begin over a day after ``now``, by a
    clock that is wrong, keep their time, since a repeated one must have the same, and are counted;
    None: nobody asks. ``redact`` takes out of other tools' spans what must not be stored; None:
    they stay as they came. Raises MalformedOtlpError.
    """
    decoded = decode(payload)
    counts: Counter[str] = Counter()
    if decoded.rejected:
        counts["rejected.id"] = decoded.rejected
    for reason, count in decoded.counts.items():
        counts[f"limited.{reason}"] += count
    rows: list[SpanRow] = []
    latest_us = None if now is None else unix_ns(now + _AHEAD) // 1_000
    resources = {id(span.resource): span.resource for span in decoded.spans}
    counts.update(_lost_by_apps(resources.values()))
    texts = {place: resource_texts(resource) for place, resource in resources.items()}
    for span in decoded.spans:
        row, repaired = normalize(span, resource=texts[id(span.resource)])
        for column in repaired:
            counts[f"repaired.{column}"] += 1
        if latest_us is not None and row.start_time_us > latest_us:
            counts["odd.future"] += 1
        rows.append(pricer(row) if row.is_inference and row.cost_source == UNPRICED else row)
    if redact is not None:
        rows = redact(rows, counts)
    return Ingested(rows=rows, counts=counts)


def _lost_by_apps(resources: Iterable[Mapping[str, object]]) -> Counter[str]:
    """Add up what the resources of a request say was dropped."""
    lost: Counter[str] = Counter()
    for resource in resources:
        told = [
            (name.removeprefix(semconv.DROPPED_PREFIX), count)
            for name, count in resource.items()
            if name.startswith(semconv.DROPPED_PREFIX)
        ]
        for reason, count in told[:_MAX_REASONS]:
            if isinstance(count, int) and 0 < count < 2**31 and _REASON.fullmatch(reason):
                lost[f"lost.{reason}"] += count
    return lost
