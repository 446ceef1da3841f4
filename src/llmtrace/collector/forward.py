"""Sends every span that was taken on to other backends, as OTLP/HTTP, each at its own pace.

A forwarder reads the segments that are kept for its target (``llmtrace.spool.keeping``): requests
go on as they came, byte for byte, whatever was redacted before stays so. Spans without a valid id,
which their sender knows to be refused, are taken out; what cannot be read is left out. At least
once: killed between an answer and the note of it, the forwarder sends that request again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmtrace.clock import Clock, SystemClock, unix_ns
from llmtrace.errors import LlmtraceError
from llmtrace.otlp.count import count_spans
from llmtrace.otlp.decode import MalformedOtlpError
from llmtrace.otlp.post import Answer, Backoff, Poster
from llmtrace.otlp.valid import without_invalid
from llmtrace.spool import Frame, send_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from llmtrace.collector.forward_targets import Target
    from llmtrace.otlp.post import Verdict
    from llmtrace.spool.kept import Kept

logger = logging.getLogger(__name__)

_POLL_S: Final = 0.25
_LOOK_S: Final = 1.0
"""How often is looked whether more waits than may."""
_MAX_RETRY_AFTER_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """What became of the spans for one target since the start, and what is still to come."""

    sent: int
    """Spans that the target accepted."""
    dropped: Mapping[str, int]
    """Spans that it will not get, by reason."""
    waiting_bytes: int
    lag_s: float
    """Age of the oldest that waits, in seconds at most; 0: nothing waits."""
    problem: str | None
    """Why the last attempt failed; None if it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What was made of some frames, and the answer to it."""

    answer: Answer
    spans: int
    """Sent, or to be sent."""
    unreadable: int
    """Spans that were left out, as far as they can be counted."""

    @property
    def verdict(self) -> Verdict:
        return self.answer.verdict


class Forwarder:
    """One thread that empties one target's folder. ``start`` once, ``stop`` once."""

    def __init__(
        self,
        target: Target,
        kept: Kept,
        poster: Poster,
        *,
        allowed_bytes: Callable[[int], int],
        on_dropped: Callable[[str, int], None] = lambda _name, _count: None,
        headers: Callable[[], Mapping[str, str]] = dict,
        clock: Clock | None = None,
    ) -> None:
        """Prepare to send what is ``kept`` for ``target``.

        ``allowed_bytes`` is given what waits and says how much may. ``on_dropped`` is told the
        target's name and a number of spans. ``headers`` go with every request.
        """
        self.target = target
        self._kept = kept
        self._poster = poster
        self._allowed_bytes = allowed_bytes
        self._on_dropped = on_dropped
        self._headers = headers
        self._looked_at = 0.0
        self._clock = clock or SystemClock()
        self._backoff = Backoff(max_retry_after_s=_MAX_RETRY_AFTER_S)
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._sent = 0
        self._dropped: Counter[str] = Counter()
        self._told = 0
        self._problem: str | None = None
        self._caught_up_at: float | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"llmtrace-forward-{target.name}", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Send what there is, for at most ``timeout_s`` seconds; the rest waits on the disk."""
        if self._thread.ident is None:
            return
        self._deadline = time.monotonic() + timeout_s
        self._stopping.set()
        self._thread.join(timeout_s)

    def figures(self) -> Forwarded:
        """Return what was done and what waits. Raises SegmentError."""
        waiting_bytes = self._kept.waiting_bytes()
        return Forwarded(
            sent=self._sent,
            dropped=dict(self._dropped),
            waiting_bytes=waiting_bytes,
            lag_s=self._lag_s() if waiting_bytes else 0.0,
            problem=self._problem,
        )

    def _lag_s(self) -> float:
        caught_up = self._caught_up_at
        oldest_ns = self._kept.oldest_ns()
        if oldest_ns is None:
            return 0.0
        age_s = (unix_ns(self._clock.now()) - oldest_ns) / 1e9
        if caught_up is not None:
            # A segment is as old as its first frame; what waits in it came after the last pass.
            age_s = min(age_s, time.monotonic() - caught_up)
        return max(0.0, age_s)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping.is_set()
            if is_last and self._problem is not None:
                return
            self._guarded(self._send_all)
            if not is_last:
                self._pause()

    def _pause(self) -> None:
        """Wait for the next attempt; what waits is kept within its limits meanwhile."""
        due = time.monotonic() + (self._backoff.pause_s if self._problem else _POLL_S)
        while (rest := due - time.monotonic()) > 0 and not self._stopping.wait(min(rest, _LOOK_S)):
            self._guarded(self._shed)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except LlmtraceError as error:
            self._backoff.failed()
            self._failing(str(error))
        except Exception as error:
            logger.exception("forwarding to %s", self.target.shown)
            self._backoff.failed()
            self._failing(type(error).__name__)
        self._tell_dropped()

    def _send_all(self) -> None:
        """Send what waits, oldest first, until something cannot be sent now."""
        began = time.monotonic()
        self._shed()
        for path, _ in self._kept.waiting():
            if not self._send(path):
                return
            self._shed()
        self._kept.tidy()
        self._caught_up_at = began

    def _send(self, path: Path) -> bool:
        return send_frames(
            path, self._kept.positions, self._post, self._settled, should_stop=self._is_over
        )

    def _is_over(self) -> bool:
        """Say whether the time for the last requests is up."""
        return self._stopping.is_set() and time.monotonic() > self._deadline

    def _shed(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        waiting = self._kept.waiting_bytes()
        allowed = self._allowed_bytes(waiting)
        if waiting > allowed:
            self._drop("queue_full", self._kept.shed(allowed, count_spans))

    def _post(self, payloads: list[bytes]) -> _Request:
        good: list[bytes] = []
        spans = unreadable = 0
        for payload in payloads:
            try:
                valid, count = without_invalid(payload)
            except MalformedOtlpError:
                # Put after another it would spoil that one, too.
                unreadable += count_spans(payload)
                continue
            spans += count
            if count:
                good.append(valid)
        if not good:
            answer = Answer(verdict="accepted")
        else:
            answer = self._poster.post(b"".join(good), self._headers())
            self._note(answer)
        return _Request(answer=answer, spans=spans, unreadable=unreadable)

    def _note(self, answer: Answer) -> None:
        self._backoff.note(answer)
        if answer.verdict == "later":
            self._failing(answer.why)
        elif self._problem is not None:
            logger.warning("forwarding to %s works again", self.target.shown)
            self._problem = None

    def _failing(self, why: str) -> None:
        if self._problem is None:
            logger.warning("forwarding to %s fails, spans wait: %s", self.target.shown, why)
        self._problem = why

    def _settled(self, frames: list[Frame], request: _Request) -> None:
        del frames
        answer = request.answer
        self._drop("unreadable", request.unreadable)
        if answer.verdict == "accepted":
            rejected = min(answer.rejected, request.spans)
            self._sent += request.spans - rejected
            self._drop("rejected", rejected)
        else:
            self._drop(f"refused_{answer.status}", request.spans)

    def _drop(self, reason: str, spans: int) -> None:
        if not spans:
            return
        if reason not in self._dropped:
            logger.error(
                "%d spans are not forwarded to %s (%s); this is said once, and counted in /metrics",
                spans,
                self.target.shown,
                reason,
            )
        self._dropped[reason] += spans

    def _tell_dropped(self) -> None:
        total = sum(self._dropped.values())
        # After the end nobody is there to be told.
        if total > self._told and not self._is_over():
            self._on_dropped(self.target.name, total - self._told)
            self._told = total
