"""aiohttp's ``ClientSession``, seen from SDKs whose async client uses it: bytes sent and received.

Every request of a session passes ``_request`` once for each attempt. Inside a call of ours
(``observe.current_call``) it is an attempt of that call; any other request of the process passes
through after one look at a context variable. The answer is watched where its reader reads it: the
response's ``content`` is replaced by an object that hands every piece on and keeps a reference.
aiohttp has decompressed it by then.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmtrace.instrument import guard
from llmtrace.instrument.call import PIECES_PER_LOOK
from llmtrace.instrument.integrations.observe import current_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llmtrace.instrument.call import Call
    from llmtrace.instrument.patches import Undo

_ERROR_STATUS = 400


def patch(undo: Undo) -> None:
    """Wrap ``ClientSession._request`` if aiohttp is loaded; called from an SDK's own hook."""
    module = sys.modules.get("aiohttp")
    if module is not None:
        undo.wrap(sys.modules["aiohttp.client"], "ClientSession", "_request", _request)


def _request(wrapped: Any, session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    del session
    call = current_call.get()
    if call is None or not call.integration.uses_http_seam:
        return wrapped(*args, **kwargs)
    return _attempt(call, wrapped, args, kwargs)


async def _attempt(call: Call, wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call.begin_attempt()
    try:
        response = await wrapped(*args, **kwargs)
    except BaseException:  # no answer; what was asked for, and where, is known all the same
        _see_request(call, args, kwargs)
        raise
    try:
        _see(call, response, kwargs.get("data"))
    except Exception:  # noqa: BLE001  # the SDK gets its response untouched
        guard.fault("response")
    return response


def _see_request(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        parts = urlsplit(str(args[1] if len(args) > 1 else kwargs["str_or_url"]))
        call.host, call.port = parts.hostname, parts.port
        sent = kwargs.get("data")
        call.request_body = sent if type(sent) is bytes else None
    except Exception:  # noqa: BLE001  # the SDK's exception goes on unchanged
        guard.fault("request")


def _see(call: Call, response: Any, sent: object) -> None:
    """Note an answer's head, and watch its body.

    The end of a stream's body ends the call; the body of a plain answer, or of a refusal, is read
    by the SDK before its function returns, which does.
    """
    url = response.url
    call.host = url.host
    call.port = url.port
    call.status = response.status
    call.headers = list(response.raw_headers)
    call.request_body = sent if type(sent) is bytes else None
    ends_call = call.endpoint.is_streamed and response.status < _ERROR_STATUS
    response.content = _Content(response.content, call, ends_call=ends_call)
    call.open_stream()
    call.streaming = ends_call


class _Content:
    """A response's body as its reader reads it; whatever else is asked goes to the real one."""

    def __init__(self, inner: Any, call: Call, *, ends_call: bool) -> None:
        self._inner = inner
        self._call = call
        self._ends = ends_call
        self._keep: Callable[[bytes], None] | None = None
        self._left = 0

    def __getattr__(self, name: str) -> Any:
        if name in {"_inner", "_call", "_ends"}:
            raise AttributeError(name)
        return getattr(self._inner, name)

    def __del__(self) -> None:
        call = self.__dict__.get("_call")
        if call is not None and not call.end_mono_ns and self._ends:
            call.is_forgotten = True
            self._end("abandoned")

    async def read(self, n: int = -1) -> bytes:
        """Read up to ``n`` bytes, or all there are."""
        return await self._through(self._inner.read(n))

    async def readany(self) -> bytes:
        """Read what has come."""
        return await self._through(self._inner.readany())

    async def readline(self, **options: Any) -> bytes:
        """Read a line."""
        return await self._through(self._inner.readline(**options))

    async def readchunk(self) -> tuple[bytes, bool]:
        """Read one HTTP chunk, and whether it is whole."""
        return await self._through(self._inner.readchunk())

    def __aiter__(self) -> Any:
        """Return the lines."""
        return type(self._inner.iter_any())(self.readline)

    def iter_any(self) -> Any:
        """Return the pieces as they come."""
        return type(self._inner.iter_any())(self.readany)

    def iter_chunked(self, n: int) -> Any:
        """Return pieces of up to ``n`` bytes."""
        return type(self._inner.iter_any())(lambda: self.read(n))

    def iter_chunks(self) -> Any:
        """Return the HTTP chunks."""
        return type(self._inner.iter_chunks())(self)

    def set_exception(self, *args: Any) -> None:
        """Let no one read on: aiohttp says so when a response is released before its end."""
        self._inner.set_exception(*args)
        if self._ends:
            self._end(None)

    async def _through(self, reading: Awaitable[Any]) -> Any:
        try:
            data: Any = await reading
        except BaseException as error:  # CancelledError too: the caller gave up here
            if self._ends:
                self._fail(error)
            raise
        try:
            piece: bytes = data if isinstance(data, bytes) else data[0]
            self._see(piece)
        except Exception:  # noqa: BLE001  # never into the user's stream
            guard.fault("stream.piece")
        return data

    def _see(self, piece: bytes) -> None:
        call = self._call
        if piece:
            if self._keep is None or not self._left:
                self._keep = call.more_room() if call.first_mono_ns else call.first_piece()
                self._left = PIECES_PER_LOOK
            self._left -= 1
            self._keep(piece)
        if self._ends and self._inner.at_eof():
            call.end()

    def _fail(self, error: BaseException) -> None:
        try:
            self._call.fail(error)
        except Exception:  # noqa: BLE001  # the user's exception goes on unchanged
            guard.fault("stream.fail")
        self._end("failed")

    def _end(self, outcome: str | None) -> None:
        try:
            self._call.end(outcome)
        except Exception:  # noqa: BLE001  # never into the user's stream
            guard.fault("stream.end")
