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
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

from opentelemetry import context

from llmtrace.otlp.count import count_spans
from llmtrace.spool import Frame, list_segments, locked, read_frames, try_remove
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from llmtrace.config import Settings
    from llmtrace.instrument.transport import SegmentTransport

logger = logging.getLogger("llmtrace")

_LATER: Final = frozenset({301, 302, 303, 307, 308, 401, 403, 408, 429, 502, 503, 504})
_MAX_RETRY_AFTER_S: Final = 60.0
_BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_MAX_REQUEST_BYTES: Final = 1_000_000
"""Of frames put together in one request: a backlog goes out in few requests. Receivers take 4 MB
and more; a single frame may be longer."""
_Answer = Literal["accepted", "later", "never"]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its body, with our token, elsewhere."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        """Let the answer be an error."""


class Sender:
    """One thread that empties an outbox."""

    def __init__(
        self, url: str, transport: SegmentTransport, settings: Settings, dropped: Counter[str]
    ) -> None:
        """Prepare to post what ``transport`` writes to ``url``; ``notify()`` begins."""
        self._url = url
        self._transport = transport
        self._settings = settings
        self._dropped = dropped
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._failures = 0
        self._retry_after_s = 0.0
        self._refusal = 0
        self._positions: dict[str, int] = {}
        self.accepted = 0
        """Requests the endpoint has accepted."""
        self.after_fork()

    def after_fork(self) -> None:
        """Start over in a forked child: the thread and its lock are the parent's."""
        self._changed = threading.Condition()
        self._stopping = False
        self._is_hurried = False
        self._is_told_to_wait = False
        self._failed_attempts = 0
        self._written = 0
        """How often there was something new to send; ``_sent`` is how much of that is done."""
        self._sent = 0
        self._thread: threading.Thread | None = None

    def notify(self) -> None:
        """Say that there is something to send; starts the thread the first time."""
        with self._changed:
            self._written += 1
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="llmtrace-sender", daemon=True
                )
                self._thread.start()

    def wait_until_idle(self, timeout_s: float, *, gives_up: bool = False) -> bool:
        """Try now; wait until all that was there is sent; False if the time was up first.

        ``gives_up``: wait for no further attempt, where the first one fails or is not allowed yet.
        """
        with self._changed:
            failed = self._failed_attempts
            self._is_hurried = True
            self._changed.notify_all()

            def is_over() -> bool:
                is_vain = self._is_told_to_wait or self._failed_attempts != failed
                return self._sent == self._written or (gives_up and is_vain)

            self._changed.wait_for(is_over, timeout_s)
            return self._sent == self._written

    def stop(self) -> None:
        """Let the thread end when all is sent, or cannot be sent now."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _run(self) -> None:
        # Instrumented HTTP clients leave the posts of telemetry alone.
        key = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", None)
        if key is not None:
            context.attach(context.set_value(key, True))
        while True:
            with self._changed:
                seen = self._written
                self._is_hurried = False
            is_sent = self._send_all()
            if not is_sent:
                self._pause()
            with self._changed:
                if is_sent:
                    self._sent = seen
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._stopping or self._written != self._sent)
                if self._stopping and (not is_sent or self._written == self._sent):
                    self._thread = None  # what comes after the end starts another one
                    return

    def _pause(self) -> None:
        """Wait before the next attempt: what the endpoint asked for, then what ``flush`` may cut.

        New spans do not cut it: an endpoint that is down is not asked with every batch.
        """
        backoff_s = _BACKOFF_S[min(self._failures, len(_BACKOFF_S)) - 1] if self._failures else 0.0
        asked_s = min(self._retry_after_s, _MAX_RETRY_AFTER_S)
        with self._changed:
            self._failed_attempts += 1
            self._is_told_to_wait = asked_s > 0
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopping, asked_s)
            self._is_told_to_wait = False
            self._changed.wait_for(
                lambda: self._stopping or self._is_hurried, max(0.0, backoff_s - asked_s)
            )

    def _send_all(self) -> bool:
        """Send every segment there is; False if the endpoint could not take it now."""
        try:
            return all(map(self._send_segment, list_segments(self._transport.directory)))
        except Exception as error:  # noqa: BLE001  # a bad disk must not end the thread
            self._failed(f"{type(error).__name__} while reading the outbox")
            return False

    def _send_segment(self, path: Path) -> bool:
        """Send what is new in our own segment, or a whole one whose process is gone."""
        if path.name == self._transport.open_segment:
            return self._send_frames(path)
        with locked(path) as is_held:
            # Its writer lives, or another process sends it just now: not ours to send.
            if is_held and not self._send_frames(path):
                return False
        if is_held and try_remove(path, applied=self._position(path)):
            _note(path).unlink(missing_ok=True)
            self._positions.pop(path.name, None)
        return True

    def _send_frames(self, path: Path) -> bool:
        """Send what a segment holds, many frames in one request; False if not all could be."""
        while frames := self._unsent(path):
            # Serialized OTLP requests, put one after another, are one request with all they hold.
            answer = self._post([frame.payload for frame in frames])
            if answer == "never" and len(frames) > 1:
                # Only the frame that is at fault is to be lost.
                for frame in frames:
                    answer = self._post([frame.payload])
                    if answer == "later":
                        return False
                    self._settle(path, frame, answer)
            elif answer == "later":
                return False
            else:
                self._settle(path, frames[-1], answer)
        return True

    def _unsent(self, path: Path) -> list[Frame]:
        """Return the next frames of a segment, as many as fit a request."""
        return read_frames(path, self._position(path), max_bytes=_MAX_REQUEST_BYTES).frames

    def _position(self, path: Path) -> int:
        """Return how far a segment has been sent, by us or by another process before."""
        return max(self._positions.get(path.name, 0), _read_position(_note(path)))

    def _settle(self, path: Path, frame: Frame, answer: _Answer) -> None:
        """Note that all up to ``frame`` is sent; where the disk is full, for ourselves only."""
        if answer == "never":
            refused = f"endpoint_refused_{self._refusal}"
            self._dropped[refused] += count_spans(frame.payload)
        self._positions[path.name] = frame.end
        with suppress(OSError):
            _write_position(_note(path), frame.end)

    def _post(self, payloads: list[bytes]) -> _Answer:
        """Post one request; say whether it was accepted, or when to try again."""
        headers = {
            "content-type": "application/x-protobuf",
            "user-agent": f"llmtrace/{VERSION}",
        }
        for name, value in (self._settings.headers or {}).items():
            headers[name] = value.reveal()
        if self._settings.token is not None:
            headers.setdefault("authorization", f"Bearer {self._settings.token.reveal()}")
        body = b"".join(payloads)
        request = urllib.request.Request(self._url, body, headers, method="POST")  # noqa: S310  # http(s) only: config checks
        try:
            with self._opener.open(request, timeout=self._settings.export_timeout_s) as answer:
                answer.read(65_536)
        except urllib.error.HTTPError as error:
            return self._refused(error)
        except (OSError, ValueError) as error:
            self._failed(type(error).__name__)
            return "later"
        self.accepted += 1
        self._failures = 0
        self._retry_after_s = 0.0
        return "accepted"

    def _refused(self, error: urllib.error.HTTPError) -> _Answer:
        status = error.code
        wait = error.headers.get("retry-after", "") if error.headers else ""
        error.close()
        if status in _LATER:
            self._retry_after_s = float(wait) if wait.isdigit() else 0.0
            self._failed(f"HTTP {status}")
            return "later"
        self._refusal = status
        logger.warning("the OTLP endpoint refused spans for good: HTTP %d", status)
        return "never"

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self._failures == 1:
            logger.info("the OTLP endpoint cannot take spans now (%s); they wait on disk", why)


def _note(path: Path) -> Path:
    """Return the file that says how far a segment has been sent."""
    return path.with_suffix(".pos")


def _read_position(note: Path) -> int:
    try:
        return int(note.read_text())
    except (OSError, ValueError):
        return 0


def _write_position(note: Path, offset: int) -> None:
    temporary = note.with_suffix(".pos.new")
    temporary.write_text(str(offset))
    temporary.replace(note)
