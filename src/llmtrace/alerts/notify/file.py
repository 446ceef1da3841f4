"""Receivers on this machine: a file of JSON lines, and the log. For audits and air-gapped use."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Final

from llmtrace.alerts.message import plain
from llmtrace.alerts.notify import RetryAfter, Sent
from llmtrace.reports.document import Document

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.alerts.notify import Message, Outcome

logger = logging.getLogger(__name__)

_LEVELS: Final = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "critical": logging.ERROR,
}


class FileNotifier:
    """Appends one JSON object a line, fields as in the message; readable by its owner only."""

    def __init__(self, path: Path) -> None:
        """Append to ``path``; its folder must exist."""
        self._path = path

    def send(self, message: Message) -> Outcome:
        """Write and sync one line; see ``Notifier.send``."""
        line = json.dumps(json.loads(message.to_json()), sort_keys=True) + "\n"
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, 0o600)
            try:
                # One write, so that lines of two writers do not mix.
                os.write(descriptor, line.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            return RetryAfter(reason=f"cannot write {self._path.name}: {error.strerror}")
        return Sent()


class LogNotifier:
    """Logs one line: critical as error, warning as warning, everything else as info."""

    def send(self, message: Message) -> Outcome:
        """Log one line; see ``Notifier.send``."""
        if isinstance(message, Document):
            logger.info("report %s: %s", plain(message.title), plain(message.summary))
            return Sent()
        is_firing = message.kind == "firing"
        level = _LEVELS[message.severity] if is_firing else logging.INFO
        logger.log(level, "alert %s: %s", message.kind, plain(message.summary))
        return Sent()
