"""The one door for commands that change the store: in its collector if one runs, else here.

Like ``HomeStore``, but for what writes: nothing is asked twice, since the first may have been done.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from llmtrace.clock import Clock, SystemClock
from llmtrace.config import load_settings
from llmtrace.errors import StoreUnreachableError
from llmtrace.store.discovery import find_collector, published_collector, reader_token
from llmtrace.store.local import LOCK_TIMEOUT_S, opened_file
from llmtrace.store.maintenance.operations import perform
from llmtrace.store.maintenance.workplace import Workplace
from llmtrace.store.pricing import settings_pricer
from llmtrace.store.remote import RemoteStore

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from llmtrace.config import Settings

_OPERATION_TIMEOUT_S: Final = 6 * 3_600.0
"""A store of many gigabytes takes its time; the collector goes on even if nobody waits."""


class Admin:
    """Runs maintenance operations on the store of one home."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        """Touch nothing yet."""
        self._settings = settings
        self._clock = clock or SystemClock()

    def run(self, operation: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        """Run one operation and return its outcome (see ``maintenance``).

        Raises QueryError for wrong arguments, StoreError if the store cannot do it.
        """
        home = self._settings.home
        remote = self._collector()
        if remote is not None:
            return remote.admin(operation, arguments, timeout_s=_OPERATION_TIMEOUT_S)
        collector = published_collector(home)
        if collector is not None:
            raise StoreUnreachableError(
                f"the collector at {collector.url} (process {collector.pid}) does not answer; "
                "see whether it still starts, or stop it, then try again"
            )
        with opened_file(
            home,
            settings_pricer(self._settings),
            capture=self._settings.capture_content,
            lock_timeout_s=LOCK_TIMEOUT_S,
            give_up=lambda: self._collector() is not None,
        ) as writer:
            if writer is not None:
                place = Workplace(
                    settings=self._settings,
                    writer=writer,
                    clock=self._clock,
                    refresh=lambda: None,  # opening has taken the spool in
                )
                return perform(place, operation, arguments)
        remote = self._collector()
        if remote is None:
            raise StoreUnreachableError(
                f"a collector of {home} came and went while the store was waited for; try again"
            )
        return remote.admin(operation, arguments, timeout_s=_OPERATION_TIMEOUT_S)

    def _collector(self) -> RemoteStore | None:
        found = find_collector(self._settings.home)
        token = reader_token(self._settings.home, self._settings.token)
        return None if found is None else RemoteStore(found, token)


def open_admin(home: Path | None = None) -> Admin:
    """Return the door to the store of ``home`` (default: ``LLMTRACE_HOME``, else ``~/.llmtrace``).

    Raises ConfigError for wrong settings.
    """
    return Admin(load_settings(home=home))


@contextmanager
def noted(
    settings: Settings, actor: str, operation: str, arguments: Mapping[str, object]
) -> Generator[dict[str, object], None, None]:
    """Write into the audit what is done in the block and how it ended (``maintenance.noting``).

    Gives the outcome, to be filled; what the block raises becomes its ``error``, by name, and goes
    on. Raises QueryError or StoreError if the row cannot be written.
    """
    outcome: dict[str, object] = {}
    try:
        yield outcome
    except BaseException as error:
        outcome["error"] = type(error).__name__
        raise
    finally:
        told = {
            "actor": actor,
            "operation": operation,
            "arguments": _plain(arguments),
            "outcome": _plain(outcome),
        }
        Admin(settings).run("note", told)


def _plain(value: Mapping[str, object]) -> object:
    """Return what goes through JSON, as money and times do not."""
    return json.loads(json.dumps(dict(value), default=str))
