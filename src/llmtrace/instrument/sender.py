"""Post the outbox's segments to an OTLP/HTTP endpoint, oldest first, until they are accepted.

Segments of dead processes are sent too. An answer that says "later" (429, 502, 503, 504, no
answer) or "who are you" (401, 403) is waited for; one that says "never" drops the request, counted.
A request may arrive twice if the process dies between the answer and the note of it;
collectors recognise spans by their ids.
"""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final

from opentelemetry import context

from llmtrace.spool import is_owned, list_segments, read_frames, try_remove
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from llmtrace.config import Settings

logger = logging.getLogger("llmtrace")

_LATER: Final = frozenset({401, 403, 408, 429, 502, 503, 504})
_BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Sender:
    """One thread that empties an outbox."""

    def __init__(
        self, url: str, directory: Path, settings: Settings, dropped: Counter[str]
    ) -> None:
        """Prepare to post to ``url``; ``start()`` begins."""
        self._url = url
        self._directory = directory
        self._settings = settings
        self._dropped = dropped
        self._wake = threading.Event()
        self._stopping = False
        self._failures = 0
        self._retry_after_s = 0.0
        self._idle = threading.Event()
        self._thread: threading.Thread | None = None
        self.accepted = 0
        """Requests the endpoint has accepted."""

    def notify(self) -> None:
        """Say that there is something to send; starts the thread the first time."""
        self._idle.clear()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="llmtrace-sender", daemon=True)
            self._thread.start()
        self._wake.set()

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Wait until all that was there is sent; False if the time was up first."""
        if self._thread is None:
            return True
        self._wake.set()
        return self._idle.wait(timeout_s)

    def stop(self) -> None:
        """Let the thread end after the request it is in."""
        self._stopping = True
        self._wake.set()

    def after_fork(self) -> None:
        """Start over in a forked child: the thread and its events are the parent's."""
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._thread = None

    def _run(self) -> None:
        # Instrumented HTTP clients leave the posts of telemetry alone.
        suppress = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", None)
        if suppress is not None:
            context.attach(context.set_value(suppress, True))
        while not self._stopping:
            self._wake.clear()
            if self._send_all():
                self._idle.set()
                self._wake.wait()
            else:
                self._wake.wait(self._pause_s())

    def _pause_s(self) -> float:
        pause = _BACKOFF_S[min(self._failures, len(_BACKOFF_S)) - 1] if self._failures else 0.0
        return max(pause, min(self._retry_after_s, 60.0))

    def _send_all(self) -> bool:
        """Send every segment there is; False if the endpoint could not take it now."""
        try:
            return all(self._send_segment(path) for path in list_segments(self._directory))
        except Exception as error:  # noqa: BLE001  # a bad disk must not end the thread
            self._failed(f"{type(error).__name__} while reading the outbox")
            return False

    def _send_segment(self, path: Path) -> bool:
        note = path.with_suffix(".pos")
        offset = _read_position(note)
        found = read_frames(path, offset)
        for frame in found.frames:
            if not self._post(frame.payload):
                return False
            offset = frame.end
            _write_position(note, offset)
        if not is_owned(path) and try_remove(path, applied=offset):
            note.unlink(missing_ok=True)
        return True

    def _post(self, payload: bytes) -> bool:
        """Post one request; True if it is settled (accepted, or refused for good)."""
        headers = {
            "content-type": "application/x-protobuf",
            "user-agent": f"llmtrace/{VERSION}",
        }
        for name, value in (self._settings.headers or {}).items():
            headers[name] = value.reveal()
        if self._settings.token is not None:
            headers.setdefault("authorization", f"Bearer {self._settings.token.reveal()}")
        request = urllib.request.Request(self._url, payload, headers, method="POST")  # noqa: S310  # http(s) only: config checks
        try:
            with urllib.request.urlopen(request, timeout=self._settings.export_timeout_s) as answer:  # noqa: S310  # see above
                answer.read(65_536)
        except urllib.error.HTTPError as error:
            return self._refused(error)
        except (OSError, ValueError) as error:
            self._failed(type(error).__name__)
            return False
        self.accepted += 1
        self._failures = 0
        self._retry_after_s = 0.0
        return True

    def _refused(self, error: urllib.error.HTTPError) -> bool:
        status = error.code
        wait = error.headers.get("retry-after", "") if error.headers else ""
        error.close()
        if status in _LATER:
            self._retry_after_s = float(wait) if wait.isdigit() else 0.0
            self._failed(f"HTTP {status}")
            return False
        self._dropped[f"endpoint_refused_{status}"] += 1
        logger.warning("the OTLP endpoint refused spans for good: HTTP %d", status)
        return True

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self._failures == 1:
            logger.info("the OTLP endpoint cannot take spans now (%s); they wait on disk", why)


def _read_position(note: Path) -> int:
    try:
        return int(note.read_text())
    except (OSError, ValueError):
        return 0


def _write_position(note: Path, offset: int) -> None:
    temporary = note.with_suffix(".pos.new")
    temporary.write_text(str(offset))
    temporary.replace(note)
