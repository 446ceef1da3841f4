"""How readers find the collector of a home: ``collector.json``, and the token beside it.

A file that a killed collector left behind is not believed: its process must live, and answer at
its URL as the same process.
"""

from __future__ import annotations

import http.client
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.config import Secret
from llmtrace.store.http_connection import connection_to

if TYPE_CHECKING:
    from pathlib import Path

COLLECTOR_FILE: Final = "collector.json"
TOKEN_FILE: Final = "token"  # noqa: S105  # a file's name
_HEALTH_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCollector:
    """A collector that published itself."""

    url: str
    """``http://host:port``, reachable from this machine."""
    pid: int
    version: str
    fingerprint: str | None = None
    """SHA-256 of its certificate, hex; None: it does not encrypt."""
    started_at: str | None = None
    """ISO 8601; None: it does not say."""


def published_collector(home: Path) -> RunningCollector | None:
    """Return what ``collector.json`` says, if its process lives; it may not answer."""
    try:
        content: dict[str, Any] = json.loads((home / COLLECTOR_FILE).read_text(encoding="utf-8"))
        url = str(content["url"])
        fingerprint = content.get("certificate_sha256")
        found = RunningCollector(
            url=url,
            pid=int(content["pid"]),
            version=str(content["version"]),
            fingerprint=None if fingerprint is None else str(fingerprint),
            started_at=str(content["started_at"]) if "started_at" in content else None,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if _lives(found.pid) else None


def find_collector(home: Path) -> RunningCollector | None:
    """Return the collector of ``home`` if one runs and answers."""
    found = published_collector(home)
    return found if found is not None and _answers(found) else None


def reader_token(home: Path, configured: Secret | None) -> Secret | None:
    """Return the token to send: the configured one, else the file's; None if there is neither."""
    if configured is not None:
        return configured
    try:
        return Secret((home / TOKEN_FILE).read_text(encoding="ascii").strip()) or None
    except (OSError, UnicodeDecodeError):
        return None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _answers(collector: RunningCollector) -> bool:
    try:
        connection = connection_to(
            collector.url, collector.fingerprint, timeout_s=_HEALTH_TIMEOUT_S
        )
        try:
            connection.request("GET", "/healthz")
            answer: Any = json.loads(connection.getresponse().read(4096))
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException):
        return False
    return isinstance(answer, dict) and cast("Any", answer).get("pid") == collector.pid
