"""How the store's file is opened, and which of DuckDB's errors are the disk's fault."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest

from llmtrace.store._connection import is_disk_error, is_fatal, is_memory_error, open_database

if TYPE_CHECKING:
    from pathlib import Path

CHECKPOINT = (
    'Failed to commit: Checkpoint failed for database "llmtrace". The database has been '
    "invalidated. Original error: could not allocate block of size 64.0 KiB (183.0 MiB/183.1 MiB)"
)
FULL = 'Could not write file "llmtrace.duckdb.wal": No space left on device'


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (duckdb.IOException(f"IO Error: {FULL}"), True),
        (duckdb.FatalException("FATAL Error: database has been invalidated"), True),
        (duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate"), True),
        (duckdb.TransactionException(f"TransactionContext Error: Failed to commit: {FULL}"), True),
        (duckdb.TransactionException(f"TransactionContext Error: {CHECKPOINT}"), True),
        (duckdb.TransactionException("TransactionContext Error: Conflict on tuple"), False),
        (duckdb.ConversionException(f"Conversion Error: {CHECKPOINT}"), False),
        (duckdb.ConversionException(f"Conversion Error: {FULL}"), False),
        (duckdb.ConstraintException("Constraint Error: NOT NULL"), False),
    ],
)
def test_an_error_of_the_disk_is_told_from_one_of_the_statement(
    error: duckdb.Error, expected: bool
) -> None:
    assert is_disk_error(error) is expected


def test_too_little_memory_is_told_and_a_text_that_says_so_is_not() -> None:
    assert is_memory_error(duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate"))
    assert is_memory_error(duckdb.TransactionException(f"TransactionContext Error: {CHECKPOINT}"))
    assert is_memory_error(duckdb.FatalException(f"FATAL Error: {CHECKPOINT}"))
    assert not is_memory_error(duckdb.ConversionException(f"Conversion Error: {CHECKPOINT}"))
    assert not is_memory_error(duckdb.TransactionException(f"Failed to commit: {FULL}"))


def test_after_a_checkpoint_that_failed_the_file_is_to_be_opened_again() -> None:
    text = 'IO Error: Database "llmtrace" has been invalidated because checkpointing failed.'

    assert is_fatal(duckdb.IOException(text))
    assert is_fatal(duckdb.FatalException("FATAL Error: x"))
    assert not is_fatal(duckdb.IOException(f"IO Error: {FULL}"))


def test_a_new_file_has_small_blocks_and_one_that_is_there_keeps_its_own(tmp_path: Path) -> None:
    there = tmp_path / "there.duckdb"
    with duckdb.connect(there) as connection:
        connection.execute("create table t as select 1 as one")

    sizes: list[int] = []
    for path in (tmp_path / "new.duckdb", tmp_path / "new.duckdb", there):
        with open_database(path) as connection:
            size = "select block_size from pragma_database_size() where database_name = 'llmtrace'"
            sizes += connection.execute(size).fetchone() or ()

    assert sizes == [64 * 1024, 64 * 1024, 256 * 1024]


def test_nothing_is_drawn_while_a_query_runs(tmp_path: Path) -> None:
    """Even where DuckDB believes that somebody looks: as here, where no file is run."""
    code = (
        "import sys; from pathlib import Path\n"
        "from llmtrace.store._connection import open_database\n"
        "connection = open_database(Path(sys.argv[1]))\n"
        "found = connection.execute(\"select current_setting('enable_progress_bar')\").fetchone()\n"
        "sys.stderr.write(str(found[0]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "llmtrace.duckdb")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("", "False")
