"""One observed call: what the caller's thread notes, and nothing else.

Only immutable things are kept: bytes that went over the wire, numbers, strings, clocks. No SDK
object (the garbage collector would walk it, and the user may change it), no parsing, no copying:
the background thread does all that (``describe``).
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.clock import wall_ns
from llmtrace.instrument.spans import OwnSpan, class_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from llmtrace.instrument.integrations._base import Endpoint, Integration

MAX_STREAM_BYTES: Final = 8_000_000
"""Bytes of a stream that are kept, to within ``PIECES_PER_LOOK`` pieces; beyond it, the tail."""
PIECES_PER_LOOK: Final = 1_024
"""Pieces of a stream between two looks at its size."""


class Call:
    """A call from its start to its end; ended exactly once, from whatever thread sees it end."""

    __slots__ = (
        "__weakref__",
        "_keep",
        "_open",
        "_own",
        "_room",
        "attempts",
        "attribution",
        "content_encoding",
        "end_mono_ns",
        "endpoint",
        "error_message",
        "error_type",
        "first_mono_ns",
        "has_body",
        "headers",
        "hides_usage",
        "host",
        "integration",
        "is_forgotten",
        "is_live",
        "is_stepped",
        "is_upload",
        "left_out",
        "model",
        "on_end",
        "outcome",
        "outside",
        "path",
        "pieces",
        "port",
        "provider_hint",
        "request_body",
        "response_body",
        "retried",
        "retries",
        "size_bytes",
        "span",
        "start_mono_ns",
        "status",
        "streaming",
        "tail",
    )

    def __init__(
        self,
        integration: Integration,
        endpoint: Endpoint,
        span: Span,
        attribution: Mapping[str, str],
        on_end: Callable[[Call], None],
    ) -> None:
        """Start the call that ``span`` stands for; ``on_end`` gets it once it has ended."""
        self.integration = integration
        self.endpoint = endpoint
        self.span = span
        if type(span) is OwnSpan:
            self._own: OwnSpan | None = span
            self.is_live = False
            self.start_mono_ns = span.start_mono_ns
        else:
            self._own = None
            self.is_live = True
            self.start_mono_ns = time.monotonic_ns()
        self.attribution = attribution
        self.on_end = on_end
        self.end_mono_ns = self.first_mono_ns = 0
        self.model: str | None = None
        self.provider_hint: str | None = None
        self.host: str | None = None
        self.port: int | None = None
        self.path = ""
        """Of the address asked: it may name a region, or a file of a batch."""
        self.request_body: bytes | None = None
        self.is_upload = False
        """The request is a form with files: ``request_body`` has its other fields, as JSON."""
        self.response_body: bytes | None = None
        self.has_body = False
        self.left_out: tuple[str, int | None] | None = None
        """Media type and, if known, size of an answer that is not kept (``Endpoint.is_kept``)."""
        self.headers: list[tuple[bytes, bytes]] | None = None
        self.content_encoding: str = ""
        self.is_forgotten = self.hides_usage = False
        """``is_forgotten``: ended by the garbage collector, so that whoever handles it must take no
        lock and call no one. ``hides_usage``: we asked the stream for its usage, which the app
        shall not see (``stream_usage``)."""
        self.status: int | None = None
        self.attempts = self.retries = 0
        """Requests sent so far, and those after the first."""
        self.retried: list[tuple[int, int | None, str | None]] | None = None
        """One entry a retry: unix ns, HTTP status (None: no answer), error class."""
        self.error_type: str | None = None
        self.error_message: str | None = None
        self.outcome: str | None = None
        self.streaming = self.is_stepped = False
        """``streaming`` while a stream is open: its end, not the function's return, ends the call;
        unless it ``is_stepped``: then the end of the SDK's generator does."""
        self.outside: Context | None = None
        """The context that the call was made in, until it has been entered."""
        self.pieces: list[bytes] | None = None
        self.tail: deque[bytes] | None = None
        self.size_bytes = self._room = 0
        self._open = [True]
        """Whoever takes the one item out ends the call; taking it is atomic, and has no lock."""

    def begin_attempt(self) -> None:
        """Note that a request goes out; one before it, if any, failed and is a retry's cause."""
        self.attempts += 1
        if self.attempts == 1:
            return
        if self.retried is None:
            self.retried = []
        self.retried.append((wall_ns(), self.status, _retry_after(self.headers)))
        self.retries = len(self.retried)
        self.status = self.headers = self.pieces = self.tail = self.response_body = None
        self.has_body = self.streaming = False
        self.left_out = None
        self.first_mono_ns = 0

    def open_stream(self) -> None:
        """Expect the answer piece by piece."""
        self.streaming = True
        self.pieces = []

    def first_piece(self) -> Callable[[bytes], None]:
        """Note that the answer has begun; return where its pieces go (see ``more_room``)."""
        self.first_mono_ns = time.monotonic_ns()
        return self.more_room()

    def more_room(self) -> Callable[[bytes], None]:
        """Return where the next ``PIECES_PER_LOOK`` pieces go: bounded memory, one call a piece.

        A long stream's middle is not kept; its tail is, for it holds the usage.
        """
        if self.tail is not None:
            return self.tail.append
        if self.left_out is not None:
            return deque[bytes](maxlen=0).append
        pieces = self.pieces if self.pieces is not None else []
        if sum(map(len, pieces)) > (self.endpoint.max_stream_bytes or MAX_STREAM_BYTES):
            self.tail = deque(maxlen=PIECES_PER_LOOK)
            return self.tail.append
        return pieces.append

    def keep_piece(self, piece: bytes) -> None:
        """Keep one more piece, where there is no loop around all of them to hold the place."""
        if not self._room:
            self._keep = self.more_room() if self.first_mono_ns else self.first_piece()
            self._room = PIECES_PER_LOOK
        self._room -= 1
        self._keep(piece)

    def see_first_piece(self) -> None:
        """Note that the answer has begun, where its pieces are not kept."""
        self.first_mono_ns = time.monotonic_ns()

    def fail(self, error: BaseException) -> None:
        """Note the exception that the caller is about to see. Its text goes through redaction."""
        self.error_type = _error_code(error) or class_name(error)
        self.error_message = _message(error)

    def end(self, outcome: str | None = None) -> None:
        """End the call now; a second call does nothing."""
        try:
            self._open.pop()
        except IndexError:
            return
        self.end_mono_ns = time.monotonic_ns()
        if self._own is not None:
            self._own.end_mono_ns = self.end_mono_ns
        self.outcome = outcome
        self.streaming = False
        size = len(self.request_body or b"") + len(self.response_body or b"")
        if self.pieces:
            size += sum(map(len, self.pieces)) + sum(map(len, self.tail or ()))
        self.size_bytes = size
        self.on_end(self)


def _retry_after(headers: list[tuple[bytes, bytes]] | None) -> str | None:
    found = [value for name, value in headers or () if name.lower() == b"retry-after"]
    return found[0].decode("latin-1") if found else None


def _error_code(error: Any) -> str | None:
    """Return the service's own code where one class stands for all errors: botocore's, gRPC's."""
    status: Any = getattr(error, "code", None)
    name: object = getattr(status(), "name", None) if callable(status) else None
    if isinstance(name, str):
        return name
    answer = getattr(error, "response", None)
    told = cast("dict[str, object]", answer).get("Error") if isinstance(answer, dict) else None
    code = cast("dict[str, object]", told).get("Code") if isinstance(told, dict) else None
    return code[:200] if isinstance(code, str) and code else None


def _message(error: Any) -> str | None:
    """Return the exception's own message, shortened; never its ``repr`` with all it holds."""
    message: object = getattr(error, "message", None)
    details: Any = getattr(error, "details", None)
    if not isinstance(message, str) and callable(details):
        message = details()  # gRPC's
    if not isinstance(message, str):
        arguments: Any = getattr(error, "args", None)
        message = str(arguments[0]) if arguments else None
    return message[:2_000] if message else None
