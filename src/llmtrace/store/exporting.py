"""Calls out of the store, piece by piece: which ones, in order of time, with or without contents.

Reads through the door of every reader, so that it works beside a running collector. What a file
is made of them is in ``evidence`` and in whoever writes text.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow.parquet as pq

from llmtrace.errors import ConfigError, QueryError
from llmtrace.store.exchange import remove_store, sync
from llmtrace.store.maintenance.slices import FIRST, LAST, join_minutes
from llmtrace.store.maintenance.workplace import stored_time

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from llmtrace.store.reading import Store

FILTERS: Final = ("provider", "model", "user_id", "tenant", "feature", "service", "environment")
_ROWS: Final = 20_000
_ROWS_WITH_CONTENTS: Final = 2_000
_TIMEOUT_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which calls are meant, and how much of them."""

    since: datetime | None = None
    """Aware, inclusive."""
    until: datetime | None = None
    """Aware, exclusive."""
    filters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Column (of ``FILTERS``) → value."""
    with_contents: bool = False
    """With the bodies, messages and raw usage."""


def calls_of(store: Store, selection: Selection) -> tuple[pa.Schema, Iterator[pa.Table]]:
    """Return the columns, and the calls in order of time, some thousand at once.

    Raises QueryError for an unknown filter or an empty range.
    """
    low = FIRST if selection.since is None else stored_time(selection.since)
    high = LAST if selection.until is None else stored_time(selection.until)
    if low >= high:
        raise QueryError(f"the range is empty: {low} to {high}; --since lies before --until")
    unknown = sorted(set(selection.filters) - set(FILTERS))
    if unknown:
        raise QueryError(f"no filter {', '.join(unknown)}; there are: {', '.join(FILTERS)}")
    view = "llm_calls_full" if selection.with_contents else "llm_calls"
    where = "".join(f" and {name} = ?" for name in selection.filters)
    values = list(selection.filters.values())
    columns = f"select * from {view} where start_time >= ? and start_time < ?{where} "  # noqa: S608  # names of ours
    empty = store.sql(f"{columns}limit 0", [low, high, *values])

    def pieces() -> Iterator[pa.Table]:
        minutes = store.sql(
            "select date_trunc('minute', start_time) as minute, count(*) as rows "  # noqa: S608  # names of ours
            f"from llm_calls where start_time >= ? and start_time < ?{where} "
            "group by minute order by minute",
            [low, high, *values],
            max_rows=None,
            timeout_s=_TIMEOUT_S,
        ).to_pylist()
        rows = _ROWS_WITH_CONTENTS if selection.with_contents else _ROWS
        for each in join_minutes(minutes, low, high, rows):
            yield store.sql(
                f"{columns}order by start_time, trace_id, span_id",
                [each.start, each.end, *values],
                max_rows=None,
                timeout_s=_TIMEOUT_S,
            )

    return empty.schema, pieces()


def write_parquet(path: Path, schema: pa.Schema, pieces: Iterator[pa.Table]) -> int:
    """Write one Parquet file and return its rows; money is decimal(18, 12), exact."""
    rows = 0
    plain = schema.remove_metadata()
    with pq.ParquetWriter(path, plain, compression="zstd") as writer:
        for piece in pieces:
            writer.write_table(piece.cast(plain))
            rows += piece.num_rows
    return rows


@contextmanager
def new_file(path: Path) -> Generator[Path]:
    """Give a name to write to; the file gets ``path`` when it is whole, if nothing is there.

    Raises ConfigError naming the file if it exists or cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise ConfigError(f"{path} exists; choose a new name, nothing was overwritten")
    partial = path.with_name(f".{path.name}.partial")
    try:
        remove_store(partial)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        yield partial
        sync(partial)
        if path.exists():
            raise ConfigError(f"{path} exists by now; nothing was overwritten")
        partial.rename(path)
        sync(path.parent)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}; choose another place for it"
        ) from error
    finally:
        remove_store(partial)
