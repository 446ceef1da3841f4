"""Evidence: one DuckDB file with calls, the unit prices that apply, sums, and hashes of it all.

For whoever must believe a bill, or dispute one, without us: the file needs DuckDB alone, and the
manifest holds the statements that check it. The unit prices are those of the price data in use
now; where a call was priced by other data, its own ``price_version`` says so.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from llmtrace.pricing import region_of
from llmtrace.pricing.unit_prices import TOKEN_KINDS
from llmtrace.semconv import SERVER_ADDRESS
from llmtrace.store._connection import Connection, open_database
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from llmtrace.pricing import PriceBook, UnitPrices

_APPLIED: Final = """
    select
        start_time::date as day, provider, model, service_tier, cost_source, price_version,
        attributes[?] as host
    from calls group by all order by all
"""
_COUNTS: Final = """
    create table counts as
    select
        start_time::date as day, provider, model, service_tier, cost_source, price_version,
        count(*) as calls,
        count(*) filter (where is_error) as errors,
        count(*) filter (where is_unpriced) as unpriced,
        sum(input_tokens)::bigint as input_tokens, sum(output_tokens)::bigint as output_tokens,
        sum(cost_usd) as cost_usd
    from calls group by all order by all
"""
CHECK_DAYS: Final = (
    "select start_time::date as day, count(*) as calls, sum(cost_usd) as cost_usd, "
    "sha256(string_agg(sha256(c::varchar), '' order by start_time, trace_id, span_id)) as sha256 "
    "from calls as c group by day order by day"
)
CHECK_ALL: Final = "select sha256(string_agg(sha256, '' order by day)) as sha256 from hashes"


def write_evidence(
    path: Path,
    schema: pa.Schema,
    pieces: Iterator[pa.Table],
    *,
    book: PriceBook,
    about: Mapping[str, object],
) -> int:
    """Write tables ``calls``, ``prices``, ``counts``, ``hashes``, ``manifest``; count the calls.

    ``about`` goes into the manifest: when, of what, by which filters.
    """
    path.unlink(missing_ok=True)  # DuckDB makes its own, and refuses an empty one
    with closing(open_database(path)) as connection:
        _insert(connection, "create table calls as select * from incoming", schema.empty_table())
        rows = 0
        for piece in pieces:
            _insert(connection, "insert into calls by name select * from incoming", piece)
            rows += piece.num_rows
        prices = _prices(connection, book)
        _insert(connection, "create table prices as select * from incoming", prices)
        connection.execute(_COUNTS)
        connection.execute(f"create table hashes as {CHECK_DAYS}")
        manifest = _manifest(connection, rows, book, about)
        _insert(connection, "create table manifest as select * from incoming", manifest)
    return rows


def _insert(connection: Connection, statement: str, rows: pa.Table) -> None:
    connection.register("incoming", rows)
    try:
        connection.execute(statement)
    finally:
        connection.unregister("incoming")


def _prices(connection: Connection, book: PriceBook) -> pa.Table:
    """Quote the unit prices of every day, model and tier that was called; one row a price."""
    applied = connection.execute(_APPLIED, [SERVER_ADDRESS]).to_arrow_table().to_pylist()
    rows: list[dict[str, Any]] = []
    for group in applied:
        host = group.pop("host")
        quote = book.quote(
            group["provider"] or "",
            group["model"],
            datetime.combine(group["day"], time(12), UTC),
            service_tier=group["service_tier"],
            region=region_of(group["provider"] or "", host=host),
        )
        told = {"host": host, "quoted_version": quote.price_version or quote.reason}
        bands = quote.schedule.bands if quote.schedule is not None else ()
        units: list[dict[str, object]] = [
            {"above_tokens": band.above_tokens, "kind": kind, "per": per, "usd": f"{usd:f}"}
            for band in bands
            for per, kind, usd in _told(band.prices)
        ]
        rows.extend({**group, **told, **unit} for unit in units or [{}])
    return pa.Table.from_pylist(rows, _PRICES)


def _told(prices: UnitPrices) -> Iterator[tuple[str, str, Any]]:
    for kind in TOKEN_KINDS:
        usd = getattr(prices, kind)
        if usd is not None:
            yield "1000000 tokens", kind, usd
    yield from (("request", kind, usd) for kind, usd in prices.requests.items())
    yield from (("unit", kind, usd) for kind, usd in prices.units.items())
    if prices.per_call:
        yield "call", "call", prices.per_call


_PRICES: Final = pa.schema(
    [
        ("day", pa.date32()),
        ("provider", pa.string()),
        ("model", pa.string()),
        ("service_tier", pa.string()),
        ("cost_source", pa.string()),
        ("price_version", pa.string()),
        ("host", pa.string()),
        ("quoted_version", pa.string()),
        ("above_tokens", pa.int64()),
        ("kind", pa.string()),
        ("per", pa.string()),
        ("usd", pa.string()),
    ]
)


def _manifest(
    connection: Connection, rows: int, book: PriceBook, about: Mapping[str, object]
) -> pa.Table:
    (found,) = connection.execute(CHECK_ALL).to_arrow_table().to_pylist()
    (total,) = connection.execute(
        "select coalesce(sum(cost_usd), 0)::varchar as usd from calls"
    ).to_arrow_table().to_pylist()  # fmt: skip
    entries: dict[str, object] = {
        "made_by": f"llmtrace-toolkit {VERSION}",
        **about,
        "calls": rows,
        "cost_usd": total["usd"],
        "price_list": book.version,
        "sha256": found["sha256"] or hashlib.sha256().hexdigest(),
        "check_days": f"{CHECK_DAYS} -- must equal table hashes",
        "check_all": f"{CHECK_ALL} -- must equal sha256",
        "prices_note": "usd in table prices is what quoted_version says now; price_version is what "
        "priced the calls. Where they differ, the prices may have changed since.",
    }
    texts = [
        value if isinstance(value, str) else json.dumps(value, default=str)
        for value in entries.values()
    ]
    return pa.table({"key": pa.array(list(entries)), "value": pa.array(texts)})
