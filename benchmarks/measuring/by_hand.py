"""The same questions asked of DuckDB by hand: one table of calls, one of texts, no product around.

As DuckDB was judged before the product was written: two threads, its usual memory and row groups,
nothing arriving. Asked in the same run, for what a machine gives changes from hour to hour.
"""

from __future__ import annotations

import re
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime

_MAKE: Final = """
    create table calls as
    select
        start_time, trace_id, span_id, user_id, feature, tenant, session_id, status, duration_ns,
        coalesce(response_model, request_model) as model, cost_usd, cache_status, input_tokens,
        output_tokens, ttfc_ns, error_type, environment, service
    from product.spans
    where is_inference
    order by start_time;
    create table texts (
        start_time timestamp, trace_id uuid, span_id ubigint,
        input_messages varchar using compression zstd,
        output_messages varchar using compression zstd
    );
    insert into texts by name
    select start_time, trace_id, span_id, input_messages, output_messages
    from product.payloads
    order by start_time;
"""
_QUESTION: Final = re.compile(
    r"^-- (?P<name>.+); since (?P<since>\w+)\n(?P<sql>[^;]+);$", re.MULTILINE
)


@contextmanager
def plain_store(store: Path, path: Path) -> Generator[duckdb.DuckDBPyConnection]:
    """Give a copy, at ``path``, of calls and texts of a product's store that nobody has open."""
    with closing(duckdb.connect(config={"threads": 2})) as connection:
        connection.execute(f"attach '{store}' as product (read_only)")
        connection.execute(f"attach '{path}' as plain (storage_version 'v1.5.0')")
        connection.execute("use plain")
        connection.execute(_MAKE)
        connection.execute("checkpoint plain")
        connection.execute("detach product")
        yield connection


def questions(
    connection: duckdb.DuckDBPyConnection, now: datetime, *, day: datetime, month: datetime
) -> dict[str, Callable[[], object]]:
    """Return what asks each question, by its name; ``day``, ``month``: when those of now began."""
    (trace, span, began) = connection.execute(
        "select trace_id, span_id, start_time from calls where start_time < ? "
        "order by start_time desc limit 1",
        [now - timedelta(hours=3)],
    ).fetchall()[0]
    hour = timedelta(hours=1)
    values = {"now": now, "trace": trace, "span": span, "first": began - hour, "last": began + hour}
    starts = {"day": day, "month": month}

    def asking(since: str, sql: str) -> Callable[[], object]:
        start = starts.get(since) or now - timedelta(days=int(since))
        used = {name: value for name, value in {**values, "start": start}.items()
                if f"${name}" in sql}  # fmt: skip
        return lambda: connection.execute(sql, used).to_arrow_table()

    text = Path(__file__).with_suffix(".sql").read_text("utf-8")
    return {each["name"]: asking(each["since"], each["sql"]) for each in _QUESTION.finditer(text)}
