"""What is stored in one transaction: the rows of some requests as Arrow tables, each span once.

Made where the requests are read, which may be another process; what is in the store already, and
what another span counts, is taken out of it where it is stored. Pure; no SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from llmtrace import semconv
from llmtrace.store.arrow import PLACE, Tables, maps, tables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from llmtrace.otlp.rows import SpanRow

FRAME: Final = "frame"
"""Column of ``spans``: which of the requests a span came in."""
_FETCHED_FOR_US: Final = 32 * 86_400 * 1_000_000
"""For how long a batch's results can be fetched: OpenAI deletes them after 30 days, Anthropic after
29 (platform.openai.com/docs/guides/batch, docs.anthropic.com/en/api/creating-message-batches).
"""
_ROWS_AT_ONCE: Final = 400
"""Enough for what a column costs to vanish, and a request of a full batch processor is as large."""

_Placed = tuple["SpanRow", int]
"""A row, and which of the requests it came in."""


class _Part(NamedTuple):
    """Some spans of a batch."""

    tables: Tables
    twins_us: tuple[int, int]
    has_foreign_calls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Spans on their way into the store, more or less sorted by their start."""

    tables: Tables
    """``spans`` has ``FRAME`` beside its place."""
    twins_us: tuple[int, int]
    """Between which start times (µs) a stored twin of any span may lie."""
    has_foreign_calls: bool
    """Whether there may be calls that another tool than ours tells of."""

    @property
    def spans(self) -> int:
        """How many there are."""
        return self.tables.spans.num_rows

    def without(self, places: Collection[int]) -> Batch:
        """Return all but the spans at ``places``, with what belongs to them."""
        if not places:
            return self
        gone = pa.array(sorted(places), pa.int32())

        def rest(table: pa.Table) -> pa.Table:
            return table.filter(pc.invert(pc.is_in(table.column(PLACE), gone)))

        kept = replace(
            self.tables,
            spans=rest(self.tables.spans),
            payloads=rest(self.tables.payloads),
            events=rest(self.tables.events),
            links=rest(self.tables.links),
        )
        return replace(self, tables=kept)

    def without_frames(self, frames: Collection[int]) -> Batch:
        """Return all but the spans that came in these requests."""
        if not frames:
            return self
        spans = self.tables.spans
        theirs = pc.is_in(spans.column(FRAME), pa.array(sorted(frames), pa.int32()))
        return self.without(spans.filter(theirs).column(PLACE).to_pylist())

    def counted_elsewhere(self, places: Collection[int]) -> Batch:
        """Return the same spans, of which those at ``places`` are in no sum and say so."""
        if not places:
            return self
        spans = self.tables.spans
        told = {semconv.COUNTED_ELSEWHERE: "true"}
        attributes = [
            {**dict(pairs), **told} if place in places else dict(pairs)
            for place, pairs in zip(
                spans.column(PLACE).to_pylist(), spans.column("attributes").to_pylist(), strict=True
            )
        ]
        are_theirs = pc.is_in(spans.column(PLACE), pa.array(sorted(places), pa.int32()))
        counts = pc.and_(spans.column("is_inference"), pc.invert(are_theirs))
        for name, column in (("is_inference", counts), ("attributes", maps(attributes))):
            spans = spans.set_column(spans.column_names.index(name), name, column)
        return replace(self, tables=replace(self.tables, spans=spans))


def batch_of(requests: Iterable[Sequence[SpanRow]]) -> Batch:
    """Return the spans of some requests; of those with the same ids the first.

    The requests are taken one after the other, and tables are made of a few hundred rows at once:
    rows are several times as large as their tables, and only those just made lie in the cache.
    """
    seen: set[tuple[bytes, int]] = set()
    parts: list[_Part] = []
    rows: list[_Placed] = []
    count = 0
    for frame, request in enumerate(requests):
        for row in request:
            key = (row.trace_id, row.span_id)
            if key not in seen:
                seen.add(key)
                rows.append((row, frame))
        if len(rows) >= _ROWS_AT_ONCE:
            parts.append(_part(rows, count))
            count += len(rows)
            rows = []
    if rows or not parts:
        parts.append(_part(rows, count))
    return Batch(
        tables=_joined([part.tables for part in parts]),
        twins_us=(
            min(part.twins_us[0] for part in parts),
            max(part.twins_us[1] for part in parts),
        ),
        has_foreign_calls=any(part.has_foreign_calls for part in parts),
    )


def _part(placed: list[_Placed], first_place: int) -> _Part:
    # Sorted by start, so that times next to one another differ little, which is stored in less.
    placed.sort(key=lambda pair: pair[0].start_time_us)
    rows = [row for row, _ in placed]
    built = tables(rows, first_place)
    frames = pa.array([frame for _, frame in placed], pa.int32())
    return _Part(
        replace(built, spans=built.spans.append_column(FRAME, frames)),
        _twins_us(rows),
        any(row.is_inference and row.origin != semconv.SCOPE_NAME for row in rows),
    )


def _joined(parts: Sequence[Tables]) -> Tables:
    """Put tables together; a resource that several of them have is told once."""
    if len(parts) == 1:
        return parts[0]
    names = [field.name for field in fields(Tables)]
    whole = {
        name: pa.concat_tables([getattr(part, name) for part in parts]).combine_chunks()
        for name in names
    }
    resources = whole["resources"]
    ids = resources.column("resource_id").to_pylist()
    firsts = {each: place for place, each in reversed(list(enumerate(ids)))}
    whole["resources"] = resources.take(sorted(firsts.values()))
    return Tables(**whole)


def _twins_us(rows: Sequence[SpanRow]) -> tuple[int, int]:
    if not rows:
        return 0, 0
    first, last = rows[0].start_time_us, rows[-1].start_time_us
    if any(semconv.BATCH_CUSTOM_ID in row.attributes for row in rows):
        return first - _FETCHED_FOR_US, last + _FETCHED_FOR_US
    return first, last
