"""Post the outbox's segments to an OTLP/HTTP endpoint, oldest first, until they are accepted.

Segments of dead processes are sent too. What an answer means is said in ``llmtrace.otlp.post``;
what is refused for good is dropped and counted. A request may arrive twice if the process dies
between the answer and the note of it; collectors recognise spans by their ids.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from llmtrace.config import Secret
from llmtrace.otlp.count import count_spans
from llmtrace.otlp.post import Answer, Backoff, Poster
from llmtrace.spool import Frame, Positions, list_segments, locked, send_frames, try_remove

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from llmtrace.config import Settings
    from llmtrace.instrument.transport import SegmentTransport

logger = logging.getLogger("llmtrace")

_MAX_RETRY_AFTER_S: Final = 60.0


class Sender:
    """One thread that empties an outbox."""

    def __init__(
        self, url: str, transport: SegmentTransport, settings: Settings, dropped: Counter[str]
    ) -> None:
        """Prepare to post what ``transport`` writes to ``url``; ``notify()`` begins."""
        self._transport = transport
        self._dropped = dropped
        self._poster = Poster(url, _headers(settings), timeout_s=settings.export_timeout_s)
        self._backoff = Backoff(max_retry_after_s=_MAX_RETRY_AFTER_S)
        self._positions = Positions()
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
        asked_s = self._backoff.asked_s
        with self._changed:
            self._failed_attempts += 1
            self._is_told_to_wait = asked_s > 0
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopping, asked_s)
            self._is_told_to_wait = False
            self._changed.wait_for(
                lambda: self._stopping or self._is_hurried, self._backoff.pause_s - asked_s
            )

    def _send_all(self) -> bool:
        """Send every segment there is; False if the endpoint could not take it now."""
        try:
            return all(map(self._send_segment, list_segments(self._transport.directory)))
        except Exception as error:  # noqa: BLE001  # a bad disk must not end the thread
            self._backoff.failed()
            self._tell(f"{type(error).__name__} while reading the outbox")
            return False

    def _send_segment(self, path: Path) -> bool:
        """Send what is new in our own segment, or a whole one whose process is gone."""
        if path.name == self._transport.open_segment:
            return self._send_frames(path)
        with locked(path) as is_held:
            # Its writer lives, or another process sends it just now: not ours to send.
            if is_held and not self._send_frames(path):
                return False
        if is_held and try_remove(path, applied=self._positions.of(path)):
            self._positions.forget(path)
        return True

    def _send_frames(self, path: Path) -> bool:
        """Send what a segment holds, many frames in one request; False if not all could be."""
        return send_frames(path, self._positions, self._post, self._settled)

    def _settled(self, frames: list[Frame], answer: Answer) -> None:
        if answer.verdict == "never":
            refused = f"endpoint_refused_{answer.status}"
            self._dropped[refused] += sum(count_spans(frame.payload) for frame in frames)
            logger.warning("the OTLP endpoint refused spans for good: HTTP %d", answer.status)
        elif answer.rejected:
            self._dropped["endpoint_rejected"] += answer.rejected

    def _post(self, payloads: list[bytes]) -> Answer:
        """Post one request; say whether it was accepted, or when to try again."""
        answer = self._poster.post(b"".join(payloads))
        self._backoff.note(answer)
        if answer.verdict == "accepted":
            self.accepted += 1
        elif answer.verdict == "later":
            self._tell(answer.why)
        return answer

    def _tell(self, why: str) -> None:
        if self._backoff.failures == 1:
            logger.info("the OTLP endpoint cannot take spans now (%s); they wait on disk", why)


def _headers(settings: Settings) -> dict[str, Secret]:
    headers = dict(settings.headers or {})
    if settings.token is not None:
        headers.setdefault("authorization", Secret(f"Bearer {settings.token.reveal()}"))
    return headers
