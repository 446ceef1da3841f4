"""What the server is told to answer instead of what it would answer by itself.

A ``Reply`` names only where it differs from the natural answer; ``Script`` hands replies out, each
to the first request that it fits. No sockets here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from llmtrace.testing.provider.records import UsageFrom

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmtrace.testing.provider.events import Event
    from llmtrace.testing.provider.records import Answer
    from llmtrace.testing.provider.server import Received

Edit: TypeAlias = Callable[["list[Event]", str], "list[Event]"]
"""Changes the events of an answer, knowing the API's name; a plain answer is one event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How to answer one request. Without any field set, it is answered as if not scripted."""

    status: int = 200
    """From 400 on, and without a body, the body is the provider's usual error for it."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Added to (or, with equal lower-case names, instead of) the provider's usual headers."""
    message: str | None = None
    """Text of the provider's error body; None for the usual one."""
    json: object = None
    """Body as a JSON value; None: not scripted."""
    body: bytes | None = None
    """Body as exact bytes; wins over ``json``."""
    pieces: tuple[bytes, ...] | None = None
    """Body as HTTP chunks, sent one by one; wins over ``body``."""
    content_type: str | None = None
    """None: ``text/event-stream`` if the natural answer streams, else ``application/json``."""
    answer: Answer | None = None
    """What the model says, in whatever shape the request asks for."""
    usage: object = UsageFrom.COUNTS
    """A literal JSON value for ``usage``, or where to take it from."""
    edit: Edit | None = None
    """Changes the natural events or body just before they become bytes."""
    is_gzipped: bool = False
    """Compress the body; a stream is flushed after each event, as real gateways do."""
    chunk_bytes: int | None = None
    """Cut the body into HTTP chunks of this size, wherever the borders fall."""
    delay_s: float = 0.0
    """Seconds before the first byte, on top of the server's latency."""
    chunk_delay_s: float | None = None
    """Seconds before each further chunk; None: the server's."""
    cut: Callable[[bytes], int] | None = None
    """Given the body, says after how many bytes the connection is cut; None: not at all."""
    stall_s: float = 0.0
    """Seconds of silence before the cut; ends early when the server stops."""
    is_dropped: bool = False
    """Close the connection without a single byte (after ``stall_s``)."""
    times: int = 1
    """How many requests get this reply."""
    path: str = ""
    """Only requests whose path ends so; "" for any."""
    model: str | None = None
    """Only requests for this model; None for any."""

    def fits(self, path: str, model: str | None) -> bool:
        """Tell whether this reply is meant for a request."""
        return path.endswith(self.path) and self.model in (None, model)

    def only(self, *, path: str = "", model: str | None = None) -> Reply:
        """Return this reply, limited to requests with that ``path`` ending and ``model``."""
        return replace(self, path=path, model=model)

    @property
    def has_body(self) -> bool:
        """Whether the body is scripted as it is, so that nothing natural is asked for."""
        return self.json is not None or self.body is not None or self.pieces is not None


ScriptSource: TypeAlias = "Iterable[Reply] | Callable[[Received], Reply | None] | None"


class Script:
    """Replies waiting for their request; thread-safe."""

    def __init__(self, source: ScriptSource = None) -> None:
        """Start with the replies of ``source``, or ask it (a function) when none is queued."""
        self._lock = threading.Lock()
        self._decide = source if callable(source) else None
        self._replies: list[Reply] = [] if source is None or callable(source) else list(source)

    def enqueue(self, *replies: Reply) -> None:
        """Add ``replies`` behind those already waiting."""
        with self._lock:
            self._replies += replies

    def take(self, received: Received) -> Reply | None:
        """Return the first waiting reply that fits, and use it up; None to answer naturally."""
        model: object = received.json_object().get("model")
        with self._lock:
            for index, reply in enumerate(self._replies):
                if reply.fits(received.path, model if isinstance(model, str) else None):
                    left = replace(reply, times=reply.times - 1)
                    self._replies[index : index + 1] = [left] if left.times > 0 else []
                    return reply
        return self._decide(received) if self._decide else None

    @property
    def waiting(self) -> int:
        """Replies not used up; a test that scripted one can assert that it was."""
        with self._lock:
            return len(self._replies)
