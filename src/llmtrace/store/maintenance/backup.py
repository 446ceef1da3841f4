"""Backup and restore: a whole, checked copy while spans arrive; and the way back.

The owner of the store writes the copy into a folder of its home, never to a path that was asked
for over HTTP; who asked moves it from there. What is in the spool and the log when it begins is
taken in first, so that no span that was acknowledged before is missing.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from llmtrace.errors import ConfigError, StoreError, StoreLockedError, StoreUnreachableError
from llmtrace.spool import make_private
from llmtrace.store._connection import open_database
from llmtrace.store.exchange import exchange_file, log_of, remove_store, sync
from llmtrace.store.lock import StoreLock
from llmtrace.store.maintenance.rewriting import rewrite
from llmtrace.store.migrate import schema_version
from llmtrace.store.reading import DATABASE_FILE
from llmtrace.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from llmtrace.store.maintenance.workplace import Outcome, Workplace

STAGING: Final = "staging"
"""Folder under the home for files on their way."""
_SUMMARY: Final = (
    "select count(*) as calls, coalesce(sum(cost_usd), 0)::varchar as cost_usd, "
    "min(start_time)::varchar as first_call, max(start_time)::varchar as last_call from llm_calls"
)


def back_up(place: Workplace, arguments: Mapping[str, object]) -> Outcome:
    """Write a copy into the staging folder and return its name, hash and figures."""
    del arguments
    place.refresh()
    path = _new_file(place.home)
    with place.writer.snapshot() as source:
        begun = place.clock.now()
        tables = rewrite(source, path)
        (summary,) = source.execute(_SUMMARY).to_pylist()
    sync(path)
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": file_hash(path),
        "schema": place.writer.schema,
        "taken_at": begun.isoformat(),
        "rows": tables,
        **summary,
    }


def take_from_staging(home: Path, name: str, target: Path) -> None:
    """Move a finished file to ``target``, which must not exist. Raises ConfigError."""
    source = home / STAGING / os.path.basename(name)  # noqa: PTH119  # a name, whatever it says
    try:
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:  # another disk, or one without links
            _copy_new(source, target)
        sync(target.parent)
    except FileExistsError:
        raise ConfigError(f"{target} exists; choose a new name, nothing was overwritten") from None
    except OSError as error:
        raise ConfigError(
            f"cannot write {target}: {error.strerror}; choose another place for the copy"
        ) from error
    finally:
        source.unlink(missing_ok=True)


def restore(home: Path, backup: Path, *, now: datetime) -> Outcome:
    """Put a backup in the place of the store; what was there is kept beside it.

    Raises StoreLockedError while a collector or reader has the store, StoreVersionError for a
    newer schema, StoreError if the file is no store. Nothing is changed then.
    """
    if not backup.is_file():
        raise ConfigError(f"{backup} is not a file; name what `llmtrace backup` wrote")
    lock = StoreLock(home)
    if not lock.try_acquire("restore"):
        pid, name = lock.holder()
        raise StoreLockedError(
            f"the store in {home} is in use by process {pid} ({name}); stop it, then restore"
        )
    made = _new_file(home)
    try:
        _copy_new(backup, made)
        _check_is_store(made, backup)
        with closing(Writer(made)) as writer:  # checks the schema, and brings it up to date
            (summary,) = writer.sql(_SUMMARY).to_pylist()
        kept = _set_aside(home / DATABASE_FILE, f"{now:%Y%m%dT%H%M%SZ}")
        exchange_file(made, home / DATABASE_FILE)
    except OSError as error:
        raise StoreUnreachableError(
            f"cannot restore into {home}: {error.strerror}; free space on its disk and try again"
        ) from error
    finally:
        remove_store(made)
        lock.release()
    return {"store": str(home / DATABASE_FILE), "kept": kept and str(kept), **summary}


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_is_store(made: Path, backup: Path) -> None:
    """Refuse a database of something else: opening it as a store would make it an empty one."""
    try:
        with closing(open_database(made)) as connection:
            schema = schema_version(connection)
    except StoreUnreachableError as error:
        text = str(error).replace(str(made), str(backup))
        raise StoreUnreachableError(f"{text}. Nothing was restored") from error
    if not schema:
        raise StoreError(f"{backup} is a database, but no llmtrace store; nothing was restored")


def _set_aside(path: Path, stamp: str) -> Path | None:
    """Give the present store a second name, under which it stays; None if there is none.

    Its own name stays until another file takes it: there is never none.
    """
    if not path.exists():
        log_of(path).unlink(missing_ok=True)
        return None
    with suppress(StoreError):  # one that cannot be opened is what restoring is for
        Writer(path).close()  # takes its log in
    kept = path.with_name(f"{path.name}.replaced-{stamp}")
    os.link(path, kept)
    if log_of(path).exists():
        log_of(path).rename(log_of(kept))
    return kept


def _new_file(home: Path) -> Path:
    try:
        make_private(home / STAGING)
    except OSError as error:
        raise StoreUnreachableError(
            f"cannot write to {home / STAGING}: {error.strerror}; give this user write access"
        ) from error
    for left in (home / STAGING).glob("*.duckdb*"):
        left.unlink(missing_ok=True)  # of a command that was killed: one operation runs at a time
    return home / STAGING / f"{secrets.token_hex(8)}.duckdb"


def _copy_new(source: Path, target: Path) -> None:
    """Copy into a file that must not exist, for this user alone, to the disk. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with source.open("rb") as read, os.fdopen(os.open(target, flags, 0o600), "wb") as write:
        shutil.copyfileobj(read, write, 1024 * 1024)
        write.flush()
        os.fsync(write.fileno())
