"""Watch a streamed answer where it arrives: at the byte stream under the SDK.

The SDK's own stream object, its type, ``close()``, ``response`` and helpers are not touched. The
HTTP response's byte stream is replaced by one of the same public base class that hands every piece
on, unchanged and at the same moment, and keeps a reference to it. The call ends exactly once: when
the bytes end, fail, are closed (the SDK closes on exhaustion, ``break``, error, ``close()``), or
when the response is collected without ever being read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from llmtrace.instrument import guard
from llmtrace.instrument.call import PIECES_PER_LOOK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmtrace.instrument.call import Call

_classes: Final[dict[type, type]] = {}


def watch(response: Any, call: Call, *, ends_call: bool = True) -> bool:
    """Watch the response's byte stream for ``call``; False if its kind is not known.

    ``ends_call`` False: the bytes are kept, but the call goes on after them, as when an SDK reads
    the body of a refusal before it raises or tries again.
    """
    inner: object = response.stream
    base, kind = _base_of(type(inner))
    if base is None or kind is None:
        return False
    made = _classes.get(base)
    if made is None:
        made = _classes[base] = type(f"Watched{base.__name__}", (kind, base), {})
    call.open_stream()
    call.streaming = ends_call
    response.stream = made(inner, call, ends_call)
    return True


def _base_of(kind: type) -> tuple[type | None, type | None]:
    """Return httpx's (or httpx2's) public stream class that ``kind`` derives from, and ours."""
    for base in kind.__mro__:
        if base.__name__ == "SyncByteStream":
            return base, _SyncWatch
        if base.__name__ == "AsyncByteStream":
            return base, _AsyncWatch
    return None, None


class _Watch:
    """What both kinds share: the inner stream's attributes stay reachable."""

    def __init__(self, inner: Any, call: Call, ends_call: bool) -> None:  # noqa: FBT001  # made in one place
        self._inner = inner
        self._call = call
        self._ends = ends_call
        # anthropic asks for this at every chunk: not finding it costs more than all else we do.
        self.stream_observer = getattr(inner, "stream_observer", None)

    def __getattr__(self, name: str) -> Any:
        if name in {"_inner", "_call", "_ends"}:
            raise AttributeError(name)
        return getattr(self._inner, name)

    def __del__(self) -> None:
        call = self.__dict__.get("_call")
        if call is not None and not call.end_mono_ns and self._ends:
            call.is_forgotten = True
            _end(call, "abandoned")


class _SyncWatch(_Watch):
    """A byte stream read with ``for``."""

    def __iter__(self) -> Iterator[bytes]:
        call = self._call
        left = 1
        keep = call.more_room()
        try:
            for piece in self._inner:
                left -= 1
                if not left:
                    keep = call.more_room() if call.first_mono_ns else call.first_piece()
                    left = PIECES_PER_LOOK
                keep(piece)
                yield piece
        except Exception as error:
            if self._ends:
                _failed(call, error)
            raise

    def close(self) -> None:
        """Close the connection as the SDK asked, then end the call."""
        try:
            self._inner.close()
        finally:
            if self._ends:
                _end(self._call, None)


class _AsyncWatch(_Watch):
    """A byte stream read with ``async for``."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        call = self._call
        left = 1
        keep = call.more_room()
        inner = self._inner.__aiter__()
        try:
            async for piece in inner:
                left -= 1
                if not left:
                    keep = call.more_room() if call.first_mono_ns else call.first_piece()
                    left = PIECES_PER_LOOK
                keep(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:  # CancelledError too: the caller gave up here
            if self._ends:
                _failed(call, error)
            raise
        finally:
            if isinstance(inner, AsyncGenerator):
                await inner.aclose()

    async def aclose(self) -> None:
        """Close the connection as the SDK asked, then end the call."""
        try:
            await self._inner.aclose()
        finally:
            if self._ends:
                _end(self._call, None)


def _failed(call: Call, error: BaseException) -> None:
    try:
        call.fail(error)
    except Exception:  # noqa: BLE001  # the user's exception goes on unchanged
        guard.fault("stream.fail")
    _end(call, "failed")


def _end(call: Call, outcome: str | None) -> None:
    try:
        call.end(outcome)
    except Exception:  # noqa: BLE001  # never into the user's stream
        guard.fault("stream.end")
