"""OpenAI over WebSockets: each response of a realtime or a responses connection is one call.

Wrapped: ``recv_bytes`` of the connection classes (what the server sent, before it is parsed), and
``send_raw`` and ``close`` of their base. A call begins with the server's ``response.created`` and
ends with the event that closes the response, which states the usage. The transcription of what the
user said is billed apart, and is a call of its own. Audio is never kept.
Source: platform.openai.com/docs/api-reference/realtime-server-events.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from llmtrace import semconv
from llmtrace.instrument import guard, invocation, patches
from llmtrace.instrument.integrations._base import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.instrument.call import Call
    from llmtrace.instrument.integrations._base import Integration

_TYPE: Final = re.compile(
    rb'"type"\s*:\s*"(session\.created|session\.updated|response\.created|response\.done'
    rb"|response\.completed|response\.failed|response\.incomplete"
    rb'|conversation\.item\.input_audio_transcription\.completed)"'
)
_ID: Final = re.compile(rb'"id"\s*:\s*"(resp_[^"]+)"')
_MODEL: Final = re.compile(rb'"model"\s*:\s*"([^"]+)"')
_TRANSCRIBER: Final = re.compile(rb'"transcription"\s*:\s*\{[^{}]*"model"\s*:\s*"([^"]+)"')
_HEAD_BYTES: Final = 256
"""Where the type stands in every event seen; longer events are not searched beyond it."""
_WHOLE_BYTES: Final = 8_192
_MAX_ITEM_CHARS: Final = 16_384
"""Longer events of the client carry audio or pictures."""
_MAX_ITEMS: Final = 64
_CLOSING: Final = frozenset(
    {b"response.done", b"response.completed", b"response.failed", b"response.incomplete"}
)

REALTIME: Final = Endpoint(api=semconv.API_OPENAI_REALTIME, operation=semconv.OP_CHAT)
RESPONSES: Final = Endpoint(api=semconv.API_OPENAI_RESPONSES, operation=semconv.OP_CHAT)
_TRANSCRIPTION: Final = Endpoint(
    api=semconv.API_OPENAI_TRANSCRIPTION, operation=semconv.OP_TRANSCRIPTION
)


class _Session:
    """What one connection has said so far, as far as the next call needs it."""

    def __init__(self, integration: Integration, endpoint: Endpoint, host: str | None) -> None:
        self._integration = integration
        self._host = host
        self._endpoint = endpoint
        self._keeps_events = endpoint is RESPONSES
        self._session = b""
        self._items: deque[bytes] = deque(maxlen=_MAX_ITEMS)
        self._asked = b""
        self._open: dict[bytes, Call] = {}

    def sent(self, data: Any) -> None:
        """Note an event of the client that says what is asked for."""
        if len(data) > _MAX_ITEM_CHARS and not self._keeps_events:
            return
        event = data if isinstance(data, bytes) else data.encode()
        if b'"response.create"' in event:
            self._asked = event
        elif b'"conversation.item.create"' in event:
            self._items.append(event)

    def received(self, data: bytes) -> None:
        """Note an event of the server."""
        if self._keeps_events:
            for call in self._open.values():
                call.keep_piece(b"data: " + data + b"\n\n")
        found = _TYPE.search(data, 0, _HEAD_BYTES)
        if found is None and len(data) <= _WHOLE_BYTES:
            found = _TYPE.search(data)
        if found is None:
            self._see_delta(data)
            return
        kind = found[1]
        if kind.startswith(b"session."):
            self._session = data
        elif kind == b"response.created":
            self._begin(data)
        elif kind in _CLOSING:
            self._end(data)
        else:
            self._transcribed(data)

    def closed(self, outcome: str = "abandoned") -> None:
        """End the responses that the connection leaves unfinished."""
        while self._open:
            self._open.popitem()[1].end(outcome)

    def failed(self, error: BaseException) -> None:
        """End the same with the exception that the app is about to see."""
        while self._open:
            call = self._open.popitem()[1]
            call.fail(error)
            call.end("failed")

    def __del__(self) -> None:
        for call in self._open.values():
            call.is_forgotten = True
        self.closed()

    def _begin(self, data: bytes) -> None:
        model = _MODEL.search(self._session) or _MODEL.search(data)
        call = invocation.begin(
            self._integration, self._endpoint, model[1].decode() if model else None, None
        )
        if call is None:
            return
        call.outside = None
        call.status = 200
        call.host = self._host
        if self._keeps_events:
            call.open_stream()
            call.request_body = self._asked
            call.keep_piece(b"data: " + data + b"\n\n")
        else:
            call.request_body = b"".join(
                (b'{"session":', self._session or b"null", b',"response":', self._asked or b"null",
                 b',"items":[', b",".join(self._items), b"]}")
            )  # fmt: skip
        self._items.clear()
        self._asked = b""
        self._open[_id_of(data)] = call

    def _end(self, data: bytes) -> None:
        call = self._open.pop(_id_of(data), None)
        if call is None:
            return
        if not self._keeps_events:
            call.response_body = data
            call.has_body = True
        call.end()

    def _see_delta(self, data: bytes) -> None:
        if self._open and b'.delta"' in data[:_HEAD_BYTES]:
            for call in self._open.values():
                if not call.first_mono_ns:
                    call.see_first_piece()

    def _transcribed(self, data: bytes) -> None:
        model = _TRANSCRIBER.search(self._session)
        call = invocation.begin(
            self._integration, _TRANSCRIPTION, model[1].decode() if model else None, None
        )
        if call is not None:
            call.outside = None
            call.status = 200
            call.host = self._host
            call.response_body = data
            call.has_body = True
            call.end()


def _id_of(data: bytes) -> bytes:
    found = _ID.search(data)
    return found[1] if found else b""


class Watcher:
    """The wrappers of one integration, and the sessions that they keep."""

    def __init__(self, integration: Integration) -> None:
        """Watch for ``integration``."""
        self._integration = integration
        self._sessions: WeakKeyDictionary[object, _Session] = WeakKeyDictionary()

    def patch_base(self, module: object) -> Callable[[], None]:
        """Wrap what all connection classes share; return what undoes it."""
        undo = patches.Undo(self._integration.name)
        for name in ("WebSocketConnectionBase", "AsyncWebSocketConnectionBase"):
            undo.wrap(module, name, "send_raw", self._send, optional=True)
            undo.wrap(module, name, "close", self._close, optional=True)
        return undo

    def patch_realtime(self, module: object) -> Callable[[], None]:
        """Wrap the connection classes of the realtime API."""
        return self._patch(module, "RealtimeConnection")

    def patch_responses(self, module: object) -> Callable[[], None]:
        """Wrap the connection classes of the responses API."""
        return self._patch(module, "ResponsesConnection")

    def _patch(self, module: object, name: str) -> Callable[[], None]:
        undo = patches.Undo(self._integration.name)
        undo.wrap(module, name, "recv_bytes", self._receive, optional=True)
        undo.wrap(module, f"Async{name}", "recv_bytes", self._receive_async, optional=True)
        return undo

    def _session(self, connection: Any) -> _Session:
        session = self._sessions.get(connection)
        if session is None:
            is_responses = "Responses" in type(connection).__name__
            endpoint = RESPONSES if is_responses else REALTIME
            session = _Session(self._integration, endpoint, _host_of(connection))
            self._sessions[connection] = session
        return session

    def _receive(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        try:
            data = wrapped(*args, **kwargs)
        except Exception as error:
            self._note(connection, "failed", error)
            raise
        self._note(connection, "received", data)
        return data

    async def _receive_async(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        try:
            data = await wrapped(*args, **kwargs)
        except Exception as error:
            self._note(connection, "failed", error)
            raise
        self._note(connection, "received", data)
        return data

    def _send(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        self._note(connection, "sent", args[0] if args else kwargs.get("data"))
        return wrapped(*args, **kwargs)

    def _close(self, wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        self._note(connection, "closed", "abandoned")
        return wrapped(*args, **kwargs)

    def _note(self, connection: Any, what: str, value: Any) -> None:
        try:
            getattr(self._session(connection), what)(value)
        except Exception:  # noqa: BLE001  # the app's connection goes on
            guard.fault("realtime")


def _host_of(connection: Any) -> str | None:
    """Return the host of a connection, from the handshake that the websockets library keeps."""
    request = getattr(getattr(connection, "_connection", None), "request", None)
    host = request.headers.get("Host") if request is not None else None
    return host.rpartition(":")[0] or host if isinstance(host, str) else None
