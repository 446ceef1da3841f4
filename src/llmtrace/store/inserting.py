"""A batch into tables, inside a writer's transaction: what is new of it, and what is remembered.

A span that arrives again in another request is found by an anti-join on (trace_id, span_id) bounded
by the batch's start times; for results of a provider's batch API, whose time may be that of their
fetch, by as long as they can be fetched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from llmtrace.store.arrow import PLACE
from llmtrace.store.batch import FRAME
from llmtrace.store.rollups import add_calls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from llmtrace.store.batch import Batch
    from llmtrace.store.writer import Transaction


def without_stored(transaction: Transaction, batch: Batch) -> Batch:
    """Return what of a batch is not stored yet."""
    if not batch.spans:
        return batch
    # Materialized: else DuckDB pushes the range of stored ids into the Arrow scan, where an id of
    # 2^63 or more overflows (seen with 1.5.6).
    found = transaction.execute(
        f"with arrived as materialized (select * from incoming) "  # noqa: S608  # a column of ours
        f"select {PLACE} from arrived as incoming semi join "
        "(select trace_id, span_id from spans "
        "where start_time between make_timestamp(?::bigint) and make_timestamp(?::bigint)) "
        "as stored on stored.trace_id = incoming.trace_id::uuid "
        "and stored.span_id = incoming.span_id",
        list(batch.twins_us),
        incoming=batch.tables.spans.select([PLACE, "trace_id", "span_id"]),
    )
    return batch.without(found.column(PLACE).to_pylist())


def append_batch(transaction: Transaction, batch: Batch, now: datetime) -> int:
    """Write a batch into the tables; return how many rows the rollups got by it.

    ``now``: naive UTC, when it is stored.
    """
    if not batch.spans:
        return 0
    tables = batch.tables
    spans = tables.spans.drop_columns([PLACE, FRAME])
    _append_resources(transaction, tables.resources, now)
    transaction.append("spans", _stamped(spans, "ingested_at", now))
    for name, rows in (
        ("payloads", tables.payloads),
        ("events", tables.events),
        ("links", tables.links),
    ):
        transaction.append(name, rows.drop_columns([PLACE]))
    has_calls = pc.any(spans.column("is_inference")).as_py()
    return add_calls(transaction, spans, batch.twins_us[0]) if has_calls else 0


def _append_resources(transaction: Transaction, resources: pa.Table, now: datetime) -> None:
    ids = resources.column("resource_id")
    known = transaction.execute(
        "select resource_id from resources where resource_id in (select unnest(?::ubigint[]))",
        [ids.to_pylist()],
    )
    fresh = pc.invert(pc.is_in(ids, known.column("resource_id").combine_chunks()))
    transaction.append("resources", _stamped(resources.filter(fresh), "first_seen", now))


def _stamped(rows: pa.Table, name: str, now: datetime) -> pa.Table:
    return rows.append_column(name, pa.array([now] * rows.num_rows, pa.timestamp("us")))


def remember(
    transaction: Transaction,
    batch_hashes: Sequence[bytes],
    offsets: Mapping[str, int],
    counts: Mapping[str, int],
    now: datetime,
) -> None:
    """Note the requests that are stored now, how far their segments are, and the counts."""
    hashes = pa.array(batch_hashes, pa.binary(16))
    stamps = pa.array([now] * len(batch_hashes), pa.timestamp("us"))
    transaction.append("_batches", pa.table({"batch_hash": hashes, "received_at": stamps}))
    if offsets:
        transaction.execute(
            "delete from _segments where name in (select unnest(?::varchar[]))", [list(offsets)]
        )
        rows = _stamped(_pairs(offsets, "byte_offset"), "updated_at", now)
        transaction.append("_segments", rows)
    if counts:
        transaction.execute(
            "insert into _counts by name select * from incoming "
            "on conflict (name) do update set total = total + excluded.total",
            incoming=_pairs(counts, "total"),
        )


def _pairs(values: Mapping[str, int], column: str) -> pa.Table:
    numbers = pa.array(list(values.values()), pa.int64())
    return pa.table({"name": pa.array(list(values), pa.string()), column: numbers})
