"""Opens the store file for the length of one operation, because no collector runs.

Takes the lock, opens the file, takes in the spool, works, and lets go: so that several programs
and a collector that starts later take turns.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from llmtrace.errors import SegmentError
from llmtrace.otlp.redacting import RowRedactor
from llmtrace.store.chunks import Reading
from llmtrace.store.drain import Drain
from llmtrace.store.lock import StoreLock
from llmtrace.store.reading import DATABASE_FILE
from llmtrace.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from llmtrace.config import CaptureContent
    from llmtrace.otlp.rows import Pricer

logger = logging.getLogger(__name__)

LOCK_TIMEOUT_S: Final = 10.0


@contextmanager
def opened_file(
    home: Path,
    pricer: Pricer,
    *,
    capture: CaptureContent = "redacted",
    lock_timeout_s: float = LOCK_TIMEOUT_S,
    give_up: Callable[[], bool] = lambda: False,
) -> Generator[Writer | None]:
    """Give the store of ``home``, open and up to date with the spool.

    ``capture``: what is kept of the contents of other tools' spans (the app's setting).
    Gives None if ``give_up()`` became true while the lock was waited for.
    Raises StoreLockedError after ``lock_timeout_s`` seconds, StoreUnreachableError,
    StoreVersionError.
    """
    lock = StoreLock(home)
    if not lock.acquire("reader", timeout_s=lock_timeout_s, give_up=give_up):
        yield None
        return
    try:
        with Writer(home / DATABASE_FILE) as writer:
            _take_in(home, writer, pricer, RowRedactor(capture))
            yield writer
    finally:
        lock.release()


def _take_in(home: Path, writer: Writer, pricer: Pricer, redact: RowRedactor) -> None:
    try:
        drain = Drain(home, writer, Reading(pricer, redact))
        drain.run()
        drain.bound_kept()
    except SegmentError as error:
        # The disk keeps us from putting a request aside: what is stored can still be read.
        logger.warning("the spool was not taken in: %s", error)
