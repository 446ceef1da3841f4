"""The only ``import duckdb``: opens the store file, with external access off and locked.

Nothing outside ``llmtrace.store`` sees a connection. What runs on one is decided elsewhere:
``migrate``, ``writer`` and ``adhoc``.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import duckdb

from llmtrace.errors import StoreUnreachableError

if TYPE_CHECKING:
    from pathlib import Path

Connection = duckdb.DuckDBPyConnection
DatabaseError = duckdb.Error
InterruptError = duckdb.InterruptException
OutOfMemoryError = duckdb.OutOfMemoryException
StatementType = duckdb.StatementType
_FATAL_ERRORS = (duckdb.FatalException, duckdb.InternalException)
_SPENT: Final = "has been invalidated"
_DISK_ERRORS = (*_FATAL_ERRORS, duckdb.IOException, duckdb.OutOfMemoryException)
_DISK_WORDS: Final = re.compile(
    r"could not (?:write|read|sync|fsync|truncate|open)|no space left", re.IGNORECASE
)
_MEMORY_WORDS: Final = re.compile(r"out of memory|(?:could not|failed to) allocate", re.IGNORECASE)

CATALOG: Final = "llmtrace"
# A reader's largest sort must not take the memory of the app that runs beside the collector.
UPKEEP_MB: Final = 512
"""DuckDB's memory in a file that was just opened; see ``memory_limit``."""
_BLOCK_BYTES: Final = 64 * 1024
"""Of a new file. What is not checkpointed yet takes a block for each column of each row group, of a
hundred columns, however little is in it: with DuckDB's 256 KB 290 MB, with these 180."""


def is_fatal(error: DatabaseError) -> bool:
    """Say whether DuckDB refuses everything from now on, until the file is opened again.

    A checkpoint that meets a full disk is as fatal as what is called so: only its text tells.
    """
    return isinstance(error, _FATAL_ERRORS) or _SPENT in str(error)


def is_disk_error(error: DatabaseError) -> bool:
    """Say whether it was not the statement's fault, so that the same may succeed later.

    A commit that cannot write its log raises what a conflict raises: only its text tells.
    """
    return (
        isinstance(error, _DISK_ERRORS)
        or _is_commit_error(error, _DISK_WORDS)
        or is_memory_error(error)
    )


def is_memory_error(error: DatabaseError) -> bool:
    """Say whether there was too little memory; of a checkpoint in a commit only the text tells."""
    return isinstance(error, OutOfMemoryError) or _is_commit_error(error, _MEMORY_WORDS)


def _is_commit_error(error: DatabaseError, words: re.Pattern[str]) -> bool:
    # Other errors may quote what is stored: texts of spans say what they like.
    kinds = (duckdb.TransactionException, *_FATAL_ERRORS)
    return isinstance(error, kinds) and words.search(str(error)) is not None


def open_database(path: Path) -> Connection:
    """Open or create the store file and return its owner's connection.

    Raises StoreUnreachableError naming the file and what to do.
    """
    # Measured: with as many threads as processors, storing spans takes twice the processor time,
    # and what reads them and answers their senders has to wait for it.
    connection = _empty(f"{UPKEEP_MB}MB", threads=str(max(1, (os.cpu_count() or 1) // 2)))
    try:
        # v1.5.0 is the oldest format with all we use. Row groups of 16384: every automatic
        # checkpoint rewrites the unfinished group, and 122880 halves the insert rate.
        options = "storage_version 'v1.5.0', row_group_size 16384"
        if not path.exists():
            options += f", block_size {_BLOCK_BYTES}"  # a file that is there has its own
        connection.execute(f"attach '{_quoted(path)}' as {CATALOG} ({options})")
        # What is not checkpointed is in memory, three times as large. With 16 MB and two tables
        # checkpoints stall commits for 0.7 s, with 32 they take twice the processor time.
        connection.execute("set checkpoint_threshold = '48MB'")
        # By us (``limit_memory``): the gate refuses a SET of others.
        connection.execute("set allowed_configs = ['memory_limit']")
        _shut_in(connection)
    except duckdb.Error as error:
        connection.close()
        raise StoreUnreachableError(_why(path, error)) from error
    # DuckDB makes files that everyone may read, and prompts are in this one. Where the folder is
    # another user's, what that user allows stays.
    with suppress(OSError):
        path.chmod(0o600)
    return connection


def open_for_reading(path: Path, *, memory_bytes: int, threads: int) -> Connection:
    """Open a file that its owner lends (see ``lending``), with so many threads.

    Raises StoreUnreachableError.
    """
    connection = _empty(f"{memory_bytes}B", threads=str(threads))
    try:
        connection.execute(f"attach '{_quoted(path)}' as {CATALOG} (read_only)")
        _shut_in(connection)
    except duckdb.Error as error:
        connection.close()
        raise StoreUnreachableError(_why(path, error)) from error
    return connection


def limit_memory(connection: Connection, limit_mb: int) -> None:
    """Let an open file take so much from now on. Raises OutOfMemoryError if more is in use."""
    connection.execute(f"set memory_limit = '{limit_mb}MB'")


def another_cursor(connection: Connection) -> Connection:
    """Return a cursor with a transaction of its own on the same database."""
    cursor = connection.cursor()
    cursor.execute(f"use {CATALOG}")
    return cursor


def _empty(memory_limit: str, **more: str) -> Connection:
    return duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "memory_limit": memory_limit,
            # Nothing is spilled: a folder that DuckDB may write to, queries may read from.
            "temp_directory": "",
            **more,
        },
    )


def _shut_in(connection: Connection) -> None:
    """Let what runs on a connection from now on reach the attached file and nothing else."""
    connection.execute(f"use {CATALOG}")
    connection.execute("set timezone = 'UTC'")
    # In a notebook, or where there is no file of a program, it would print to standard output.
    connection.execute("set enable_progress_bar = false")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _why(path: Path, error: duckdb.Error) -> str:
    text = str(error)
    first = text.splitlines()[0] if text else type(error).__name__
    lowered = text.lower()
    if "version number" in lowered or "serialization version" in lowered:
        advice = "it was written by a newer DuckDB: upgrade the duckdb package"
    elif "not a valid duckdb database" in lowered:
        advice = "it is not a store: move it away, or choose another LLMTRACE_HOME"
    elif "lock" in lowered:
        advice = "another program has it open: close that program"
    elif "permission" in lowered or "read-only" in lowered or "cannot open" in lowered:
        advice = "give this user write access, or set LLMTRACE_HOME to a folder it can write to"
    else:
        advice = "check the disk it is on"
    return f"cannot open the store {path}: {first}; {advice}"
