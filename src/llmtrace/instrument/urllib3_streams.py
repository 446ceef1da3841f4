"""Watch an answer that urllib3 reads, as botocore does: where its bytes arrive.

botocore's ``EventStream`` and ``StreamingBody`` read urllib3's response by whichever of its methods
they like, and hand the response itself out. So the response stays the very object it was; its class
becomes a subclass that keeps a reference to each piece it returns. The call ends exactly once: when
the bytes end, fail or are closed, or when the response is collected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmtrace.instrument import guard
from llmtrace.instrument.call import PIECES_PER_LOOK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmtrace.instrument.call import Call

_classes: Final[dict[type[object], type[object] | None]] = {}
"""Class of a response → the watching subclass; None: such objects cannot change their class."""


def watch(raw: Any, call: Call, *, ends_call: bool = True) -> bool:
    """Watch what is read from ``raw`` for ``call``; False if its kind does not allow it.

    ``ends_call`` False: the bytes are kept, but the call goes on after them, as when an SDK reads
    the body of a refusal before it raises or tries again.
    """
    kind: type[object] = raw.__class__
    if kind not in _classes:
        _classes[kind] = type(f"Watched{kind.__name__}", (_Watch, kind), {})
    made = _classes[kind]
    if made is None:
        return False
    try:
        raw.__class__ = made
    except TypeError:
        _classes[kind] = None
        return False
    call.open_stream()
    call.streaming = ends_call
    raw.llmtrace_watch = _Seen(call, ends_call=ends_call)
    return True


class _Seen:
    """What was read so far, and whose it is."""

    __slots__ = ("_keep", "_left", "call", "ends_call")

    def __init__(self, call: Call, *, ends_call: bool) -> None:
        self.call = call
        self.ends_call = ends_call
        self._left = 1
        self._keep: Callable[[bytes], None] | None = None

    def piece(self, data: bytes) -> None:
        """Keep a reference to ``data``."""
        self._left -= 1
        if not self._left or self._keep is None:
            self._keep = self.room()
            self._left = PIECES_PER_LOOK
        self._keep(data)

    def room(self) -> Callable[[bytes], None]:
        """Return where the next ``PIECES_PER_LOOK`` pieces go."""
        call = self.call
        return call.more_room() if call.first_mono_ns else call.first_piece()

    def failed(self, error: BaseException) -> None:
        """End the call with the exception that the reader is about to see."""
        if not self.ends_call:
            return
        try:
            self.call.fail(error)
        except Exception:  # noqa: BLE001  # the user's exception goes on unchanged
            guard.fault("stream.fail")
        self.end("failed")

    def end(self, outcome: str | None = None) -> None:
        """End the call, if the end of its bytes is its end."""
        if not self.ends_call:
            return
        try:
            self.call.end(outcome)
        except Exception:  # noqa: BLE001  # never into the user's stream
            guard.fault("stream.end")


class _Watch:
    """Goes before a response class; every way of reading it ends in one of these."""

    llmtrace_watch: _Seen

    def read(self: Any, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        seen: _Seen = self.llmtrace_watch
        inner: Any = super()
        try:
            data: bytes = inner.read(amt, *args, **kwargs)
        except Exception as error:
            seen.failed(error)
            raise
        if data:
            seen.piece(data)
        # Without an amount everything is here; a response whose length was known closes at it.
        if amt is None or (not data and amt) or self.closed:
            seen.end()
        return data

    def read1(self: Any, *args: Any, **kwargs: Any) -> bytes:
        seen: _Seen = self.llmtrace_watch
        inner: Any = super()
        try:
            data: bytes = inner.read1(*args, **kwargs)
        except Exception as error:
            seen.failed(error)
            raise
        if data:
            seen.piece(data)
        else:
            seen.end()
        return data

    def read_chunked(self: Any, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        seen: _Seen = self.llmtrace_watch
        inner: Any = super()
        left = 1
        keep: Callable[[bytes], None] | None = None
        try:
            for data in inner.read_chunked(*args, **kwargs):
                left -= 1
                if not left or keep is None:
                    keep = seen.room()
                    left = PIECES_PER_LOOK
                keep(data)
                yield data
        except Exception as error:
            seen.failed(error)
            raise
        seen.end()

    def close(self: Any) -> None:
        inner: Any = super()
        try:
            inner.close()
        finally:
            self.llmtrace_watch.end("abandoned")  # if its end was not reached before

    def __del__(self: Any) -> None:
        seen = self.__dict__.get("llmtrace_watch")
        if seen is not None and seen.ends_call and not seen.call.end_mono_ns:
            seen.call.is_forgotten = True
            seen.end("abandoned")
        inner: Any = super()
        inner.__del__()
