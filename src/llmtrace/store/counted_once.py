"""One call that two tools told of counts once: decided where rows meet, as they are stored.

Two inference spans of one trace are the same call if they are of different origins and have the
same response id, or if one is the other's parent and their tokens agree. Ours counts before any
other, what is stored before what comes, the inner before the outer. Ids within one origin are never
compared: a cached answer, or a server that numbers all its answers alike, repeats them rightly. Nor
are our own spans with one another: they know by themselves which of them counts.
Not compared either: spans of different traces. Ids are unique at most providers, but not at all
(Ollama draws from a thousand), and nothing else ties two traces together.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from llmtrace import semconv
from llmtrace.store.arrow import PLACE
from llmtrace.store.rollups import corrected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmtrace.store.batch import Batch

_WINDOW_US: Final = 120 * 1_000_000
"""Both spans of a call begin together; an outer one may wait through retries."""

Key = tuple[bytes, int]
_TOLD: Final = (
    "trace_id", "span_id", "parent_span_id", "response_id", "origin", "input_tokens",
    "output_tokens",
)  # fmt: skip
"""Columns of ``spans`` that ``Told`` has."""


class _Transaction(Protocol):
    def execute(
        self, sql: str, parameters: Sequence[object] = (), *, incoming: pa.Table | None = None
    ) -> pa.Table: ...


class Told(NamedTuple):
    """What is needed of an inference span to know the call it tells of."""

    trace_id: bytes
    span_id: int
    parent_span_id: int | None
    response_id: str | None
    origin: str
    input_tokens: int | None
    output_tokens: int | None
    place: int | None
    """In the batch that arrives; None: it is stored."""

    @property
    def is_stored(self) -> bool:
        """Whether it is in the store already."""
        return self.place is None

    @property
    def key(self) -> Key:
        """Which span it is."""
        return self.trace_id, self.span_id

    @property
    def rank(self) -> tuple[bool, bool, bool, str]:
        """Who counts: the least. Ours, then what is stored, then what tells tokens."""
        is_silent = self.input_tokens is None and self.output_tokens is None
        return self.origin != semconv.SCOPE_NAME, not self.is_stored, is_silent, self.origin


def has_foreign_calls(transaction: _Transaction) -> bool:
    """Say whether any other tool's span counts as a call: else there is nothing to compare."""
    found = transaction.execute(
        "select 1 from spans where is_inference and origin is distinct from ? limit 1",
        [semconv.SCOPE_NAME],
    )
    return found.num_rows > 0


def count_once(transaction: _Transaction, batch: Batch) -> Batch:
    """Return the batch to store, and correct stored spans, so that each call counts once.

    A span that does not count stays, with its tokens and cost: it only leaves the sums.
    """
    spans = batch.tables.spans
    calls = spans.filter(spans.column("is_inference"))
    if not calls.num_rows:
        return batch
    bounds = pc.min_max(spans.column("start_time").cast(pa.int64())).as_py()
    first, last = bounds["min"] - _WINDOW_US, bounds["max"] + _WINDOW_US
    told = _suspects(transaction, calls.select([PLACE, *_TOLD]), first, last)
    losers = said_twice(told)
    if not losers:
        return batch
    found = [each for each in told if each.key in losers]
    _uncount(transaction, [each.key for each in found if each.is_stored], first, last)
    return batch.counted_elsewhere({each.place for each in found if each.place is not None})


def said_twice(calls: Iterable[Told]) -> set[Key]:
    """Return the spans that tell of a call which another span tells of better. Pure."""
    by_trace: defaultdict[bytes, list[Told]] = defaultdict(list)
    for told in calls:
        by_trace[told.trace_id].append(told)
    losers: set[Key] = set()
    for group in by_trace.values():
        if any(told.origin != semconv.SCOPE_NAME for told in group):
            losers |= _same_answer(group)
            losers |= _wrapped([told for told in group if told.key not in losers])
    return losers


def _same_answer(group: list[Told]) -> set[Key]:
    if len({told.origin for told in group}) == 1:
        return set()
    by_answer: defaultdict[str, list[Told]] = defaultdict(list)
    for told in group:
        if told.response_id:
            by_answer[told.response_id].append(told)
    losers: set[Key] = set()
    for same in by_answer.values():
        counting = min(same, key=lambda told: told.rank).origin
        losers.update(told.key for told in same if told.origin != counting)
    return losers


def _wrapped(group: list[Told]) -> set[Key]:
    """Return one of each parent and child that agree; a parent stands for one child at most."""
    by_span = {told.span_id: told for told in group}
    losers: set[Key] = set()
    winners: set[Key] = set()
    children = [told for told in group if told.parent_span_id in by_span]
    for child in sorted(children, key=lambda told: told.span_id):
        parent = by_span.get(child.parent_span_id or 0)
        if parent is None or not _agree(parent, child) or child.key in losers:
            continue
        if parent.rank[:2] < child.rank[:2]:
            if parent.key not in winners and parent.key not in losers:
                winners.add(parent.key)
                losers.add(child.key)
        elif parent.key not in winners:
            losers.add(parent.key)
    return losers


def _agree(parent: Told, child: Told) -> bool:
    # Of an embedding's output, which there is none of, some tell 0 and others nothing.
    return (
        {parent.origin, child.origin} != {semconv.SCOPE_NAME}
        and child.input_tokens is not None
        and parent.input_tokens == child.input_tokens
        and (parent.output_tokens or 0) == (child.output_tokens or 0)
        and not (parent.response_id and child.response_id)
    )


def _suspects(
    transaction: _Transaction, arriving: pa.Table, first_us: int, last_us: int
) -> list[Told]:
    """Return the calls, arriving and stored, of the traces in which any could be said twice.

    Those are few: where calls are of two origins, or one is another's parent.
    """
    # Materialized, as in the writer: else DuckDB pushes a range of ids into the Arrow scan.
    found = transaction.execute(
        f"""
        with arrived as materialized (
            select * replace (trace_id::uuid as trace_id, coalesce(origin, '') as origin)
            from incoming
        ),
        calls as materialized (
            from arrived
            union all by name
            select null::integer as {PLACE}, coalesce(origin, '') as origin,
                {", ".join(name for name in _TOLD if name != "origin")}
            from spans semi join arrived using (trace_id)
            where is_inference
            and start_time between make_timestamp(?::bigint) and make_timestamp(?::bigint)
        ),
        suspects as (
            select trace_id from calls group by trace_id having min(origin) <> max(origin)
            union
            select child.trace_id from calls as child join calls as parent
            on child.trace_id = parent.trace_id and child.parent_span_id = parent.span_id
        )
        select * replace (replace(trace_id::varchar, '-', '') as trace_id)
        from calls semi join suspects using (trace_id)
        """,  # noqa: S608  # columns of ours
        [first_us, last_us],
        incoming=arriving,
    )
    return [
        Told(**row)._replace(trace_id=bytes.fromhex(row["trace_id"])) for row in found.to_pylist()
    ]


def _uncount(transaction: _Transaction, keys: list[Key], first_us: int, last_us: int) -> None:
    if not keys:
        return
    incoming = pa.table(
        {
            "trace_id": pa.array([trace_id for trace_id, _ in keys], pa.binary(16)),
            "span_id": pa.array([span_id for _, span_id in keys], pa.uint64()),
        }
    )
    these = (
        "start_time between make_timestamp(?::bigint) and make_timestamp(?::bigint) "
        "and (trace_id, span_id) in (with arrived as materialized (select * from incoming) "
        "select trace_id::uuid, span_id from arrived)"
    )
    with corrected(transaction, these, [first_us, last_us], incoming):
        transaction.execute(
            "update spans set is_inference = false, "  # noqa: S608  # a condition of ours
            f"attributes = map_concat(attributes, map {{?: 'true'}}) where {these}",
            [semconv.COUNTED_ELSEWHERE, first_us, last_us],
            incoming=incoming,
        )
