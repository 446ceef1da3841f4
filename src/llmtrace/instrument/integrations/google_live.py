"""Live sessions of the google-genai SDK: each turn of the model is one call.

Wrapped: the function by which the SDK opens a WebSocket; what it gives is watched by an object that
hands everything on. A turn begins with what the app says (or, where it only streams sound, with the
model's first word) and ends with ``turnComplete`` and its usage. A tool call and its answer belong
to the turn. Sound and pictures are never kept. A session opened before ``instrument()`` is not
seen. Source: ai.google.dev/api/live.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv
from llmtrace.instrument import guard, invocation, patches
from llmtrace.instrument.integrations._base import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.instrument.call import Call
    from llmtrace.instrument.integrations._base import Integration

ENDPOINT: Final = Endpoint(api=semconv.API_GEMINI_LIVE, operation=semconv.OP_GENERATE_CONTENT)

_MODEL: Final = re.compile(rb'"model"\s*:\s*"([^"]+)"')
_SAID: Final = re.compile(rb'"(?:client_content|clientContent|tool_response|toolResponse)"')
_MAX_MESSAGE_BYTES: Final = 16_384
"""Longer messages carry sound or pictures."""
_MAX_MESSAGES: Final = 64
_ANSWERS: Final = (b'"serverContent"', b'"toolCall"')
_USAGE: Final = b'"usageMetadata"'


class _Session:
    """What one connection has said so far, as far as the next call needs it."""

    def __init__(self, integration: Integration, host: str | None, provider: str | None) -> None:
        self._integration = integration
        self._host = host
        self._provider = provider
        self._setup = b""
        self._said: deque[bytes] = deque(maxlen=_MAX_MESSAGES)
        self._call: Call | None = None
        self._is_over = False
        """The turn is complete; only its usage may still follow."""

    def sent(self, data: Any) -> None:
        """Note what the app sends."""
        message = data if isinstance(data, bytes) else data.encode()
        if not self._setup:
            self._setup = message
        elif len(message) <= _MAX_MESSAGE_BYTES and _SAID.search(message):
            self._said.append(message)
            if self._call is None or self._is_over:
                self._begin()

    def received(self, data: Any) -> None:
        """Note what the server sends."""
        message = data if isinstance(data, bytes) else data.encode()
        is_answer = any(name in message for name in _ANSWERS)
        if self._is_over and is_answer:
            self.closed()
        if self._call is None:
            if not is_answer:
                return
            self._begin()
        call = self._call
        if call is None:
            return
        if is_answer and not call.first_mono_ns:
            call.see_first_piece()
        if len(message) <= _MAX_MESSAGE_BYTES and b'"inlineData"' not in message:
            call.keep_piece(message + b"\n")
        self._is_over = self._is_over or b'"turnComplete"' in message
        if self._is_over and _USAGE in message:
            self.closed()

    def closed(self) -> None:
        """End the turn, whole or not: its bytes say which."""
        call, self._call = self._call, None
        self._is_over = False
        if call is not None:
            call.end()

    def failed(self, error: BaseException) -> None:
        """End the turn with the exception that the app is about to see."""
        if self._call is not None and not self._is_over:
            self._call.fail(error)
        self.closed()

    def __del__(self) -> None:
        if self._call is not None:
            self._call.is_forgotten = True
            self.closed()

    def _begin(self) -> None:
        self.closed()
        model = _MODEL.search(self._setup)
        name = model[1].decode().rpartition("/")[2] if model else None
        call = invocation.begin(self._integration, ENDPOINT, name, self._provider)
        if call is None:
            return
        call.outside = None
        call.status = 200
        call.host = self._host
        call.open_stream()
        call.request_body = b"".join(
            (b'{"session":', self._setup or b"null", b',"messages":[', b",".join(self._said), b"]}")
        )
        self._said.clear()
        self._call = call


class _Socket:
    """Stands before the SDK's WebSocket and hands everything on."""

    def __init__(self, inner: Any, session: _Session) -> None:
        self._inner = inner
        self._session = session

    async def send(self, message: Any, *args: Any, **kwargs: Any) -> Any:
        """Send, and note it."""
        _note(self._session.sent, message)
        return await self._inner.send(message, *args, **kwargs)

    async def recv(self, *args: Any, **kwargs: Any) -> Any:
        """Receive, and note it."""
        try:
            message = await self._inner.recv(*args, **kwargs)
        except Exception as error:
            if not isinstance(error, TypeError):  # the SDK tries an older library's signature
                _note(self._session.failed, error)
            raise
        _note(self._session.received, message)
        return message

    async def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close, which ends a turn that is not over."""
        _note(lambda _: self._session.closed(), None)
        return await self._inner.close(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Connecting:
    """What the SDK enters to connect."""

    def __init__(self, inner: Any, session: _Session) -> None:
        self._inner = inner
        self._session = session

    async def __aenter__(self) -> _Socket:
        return _Socket(await self._inner.__aenter__(), self._session)

    async def __aexit__(self, *exc: object) -> Any:
        _note(lambda _: self._session.closed(), None)
        return await self._inner.__aexit__(*exc)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _note(see: Callable[[Any], None], value: Any) -> None:
    try:
        see(value)
    except Exception:  # noqa: BLE001  # the app's session goes on
        guard.fault("live")


def patch_live(integration: Integration, module: object) -> Callable[[], None]:
    """Wrap how ``google.genai.live`` connects; return what undoes it."""

    def connect(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        del owner
        made = wrapped(*args, **kwargs)
        uri = str(args[0] if args else kwargs.get("uri", ""))
        host = uri.partition("//")[2].partition("/")[0].partition(":")[0]
        provider = "gcp.vertex_ai" if "aiplatform" in uri else None
        return _Connecting(made, _Session(integration, host or None, provider))

    undo = patches.Undo(integration.name)
    undo.wrap(module, None, "ws_connect", connect, optional=True)
    return undo
