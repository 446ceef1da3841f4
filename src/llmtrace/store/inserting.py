"""Rows into tables, inside a writer's transaction: what is new of them, and what is remembered.

A span that arrives again in another request is found by an anti-join on (trace_id, span_id) bounded
by the batch's start times; for results of a provider's batch API, whose time may be that of their
fetch, by as long as they can be fetched.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import pyarrow as pa

from llmtrace import semconv
from llmtrace.clock import unix_ns
from llmtrace.store import arrow
from llmtrace.store.rollups import add_calls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from llmtrace.otlp.rows import SpanRow
    from llmtrace.store.writer import Transaction

_FETCHED_FOR_US = 32 * 86_400 * 1_000_000
"""For how long a batch's results can be fetched: OpenAI deletes them after 30 days, Anthropic after
29 (platform.openai.com/docs/guides/batch, docs.anthropic.com/en/api/creating-message-batches).
"""


def without_twins(rows: Sequence[SpanRow]) -> list[SpanRow]:
    """Return the rows sorted by start, of those with the same ids the first."""
    first: dict[tuple[bytes, int], SpanRow] = {}
    for row in rows:
        first.setdefault((row.trace_id, row.span_id), row)
    # Sorted by start, so that row groups cover short ranges of time and filters skip most.
    return sorted(first.values(), key=lambda row: row.start_time_us)


def _range_us(rows: list[SpanRow]) -> tuple[int, int]:
    """Return the start times between which a twin of any of ``rows`` (sorted) may be stored."""
    first, last = rows[0].start_time_us, rows[-1].start_time_us
    if any(semconv.BATCH_CUSTOM_ID in row.attributes for row in rows):
        return first - _FETCHED_FOR_US, last + _FETCHED_FOR_US
    return first, last


def without_stored(transaction: Transaction, rows: list[SpanRow]) -> list[SpanRow]:
    """Return those of ``rows`` (sorted by start) that are not stored yet."""
    if not rows:
        return rows
    keys = pa.table(
        {
            "place": pa.array(range(len(rows)), pa.int64()),
            "trace_id": pa.array([row.trace_id for row in rows], pa.binary(16)),
            "span_id": pa.array([row.span_id for row in rows], pa.uint64()),
        }
    )
    # Materialized: else DuckDB pushes the range of stored ids into the Arrow scan, where an id of
    # 2^63 or more overflows (seen with 1.5.6).
    found = transaction.execute(
        "with arrived as materialized (select * from incoming) "
        "select place from arrived as incoming semi join "
        "(select trace_id, span_id from spans "
        "where start_time between make_timestamp(?::bigint) and make_timestamp(?::bigint)) "
        "as stored on stored.trace_id = incoming.trace_id::uuid "
        "and stored.span_id = incoming.span_id",
        list(_range_us(rows)),
        incoming=keys,
    )
    stored = set(found.column("place").to_pylist())
    return [row for place, row in enumerate(rows) if place not in stored]


def append_rows(transaction: Transaction, rows: list[SpanRow], now: datetime) -> int:
    """Write the rows into their tables; return how many rows the rollups got by it."""
    if not rows:
        return 0
    tables = arrow.tables(rows, now_us=unix_ns(now.replace(tzinfo=UTC)) // 1_000)
    known = transaction.execute(
        "select resource_id from resources where resource_id in (select unnest(?::ubigint[]))",
        [tables.resources.column("resource_id").to_pylist()],
    )
    fresh = [
        value not in set(known.column("resource_id").to_pylist())
        for value in tables.resources.column("resource_id").to_pylist()
    ]
    transaction.append("resources", tables.resources.filter(pa.array(fresh)))
    transaction.append("spans", tables.spans)
    transaction.append("payloads", tables.payloads)
    transaction.append("events", tables.events)
    transaction.append("links", tables.links)
    return add_calls(transaction, tables.spans) if any(row.is_inference for row in rows) else 0


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
    for name, position in offsets.items():
        transaction.execute("delete from _segments where name = ?", [name])
        transaction.execute("insert into _segments values (?, ?, ?)", [name, position, now])
    for name, count in counts.items():
        transaction.execute(
            "insert into _counts values (?, ?) "
            "on conflict (name) do update set total = total + excluded.total",
            [name, count],
        )
