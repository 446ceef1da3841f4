"""HTTP connections that say nothing: closed in time, and first of all where room is short.

uvicorn waits without end for a request's headers, and counts connections that wait like those that
work. This stands before its protocol, whichever that is, and uses what asyncio and ASGI promise:
bytes come in at ``data_received``, and the app is called once the headers are whole. How long a
body may take is the business of whoever reads it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HEADER_TIMEOUT_S: Final = 10.0
KEEP_ALIVE_S: Final = 15
"""How long uvicorn keeps a connection between two requests."""
MAX_CONNECTIONS: Final = 480
_TOO_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Connections:
    """All connections of one HTTP server. Used by its event loop alone."""

    def __init__(
        self, *, header_timeout_s: float = HEADER_TIMEOUT_S, at_most: int = MAX_CONNECTIONS
    ) -> None:
        """``at_most``: beyond it the one goes that has been silent for longest."""
        self._timeout_s = header_timeout_s
        self._at_most = at_most
        self._by_client: dict[tuple[str, int], _Connection] = {}
        self._silent: dict[_Connection, None] = {}
        """Those that never sent a whole request, oldest first."""
        self._idle: dict[_Connection, None] = {}
        self.closed: Counter[str] = Counter()
        """Connections that we ended, by reason: ``silent`` for too long, ``too_many``."""

    @property
    def waiting(self) -> int:
        """How many wait for a request."""
        return len(self._silent) + len(self._idle)

    def protocol(self, **arguments: Any) -> asyncio.Protocol:
        """Make the protocol of one connection; what uvicorn calls as its ``http`` class."""
        inner: Any = AutoHTTPProtocol
        return _Connection(self, inner(**arguments))

    def watched(self, app: ASGIApp) -> ASGIApp:
        """Return the app, telling each connection when its request begins and ends."""

        async def watched_app(scope: Scope, receive: Receive, send: Send) -> None:
            client: Any = scope.get("client")
            connection = self._by_client.get(client) if client is not None else None
            if connection is None:
                await app(scope, receive, send)
                return
            self._forget(connection)
            connection.request_begins()
            try:
                await app(scope, receive, send)
            finally:
                if not connection.is_closed:
                    self._idle[connection] = None
                    connection.request_ended(KEEP_ALIVE_S + self._timeout_s)

        return watched_app

    def opened(self, connection: _Connection) -> None:
        """Count a new connection in, at the cost of a silent one if there are too many."""
        if len(self._by_client) >= self._at_most:
            oldest = next(iter(self._silent), None) or next(iter(self._idle), None)
            (oldest or connection).end("too_many")
            if oldest is None:
                return
        self._by_client[connection.client] = connection
        self._silent[connection] = None
        connection.wait(self._timeout_s)

    def heard(self, connection: _Connection) -> None:
        """Note the first bytes after a request: its headers have to follow."""
        if connection in self._idle:
            connection.wait(self._timeout_s)

    def gone(self, connection: _Connection) -> None:
        """Forget a connection that has ended."""
        self._forget(connection)
        if self._by_client.get(connection.client) is connection:
            del self._by_client[connection.client]

    def _forget(self, connection: _Connection) -> None:
        self._silent.pop(connection, None)
        self._idle.pop(connection, None)


class _Connection(asyncio.Protocol):
    """Stands before uvicorn's protocol and hands everything on."""

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._inner = inner
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._has_begun = False
        """Whether bytes of a request have come whose headers are not whole."""
        self.is_closed = False
        self.client = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        host, port, *_ = transport.get_extra_info("peername") or ("", 0)
        self.client = (str(host), int(port))
        self._inner.connection_made(transport)
        self._connections.opened(self)

    def data_received(self, data: bytes) -> None:
        """Note that somebody speaks."""
        if not self._has_begun:
            self._has_begun = True
            self._connections.heard(self)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.is_closed = True
        self._stop_waiting()
        self._connections.gone(self)
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Hand on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on."""
        self._inner.resume_writing()

    def request_begins(self) -> None:
        """Stop waiting: the headers are there."""
        self._stop_waiting()

    def request_ended(self, timeout_s: float) -> None:
        """Wait for the next one; its first bytes may have come already."""
        self._has_begun = False
        self.wait(timeout_s)

    def wait(self, timeout_s: float) -> None:
        """End it unless a request's headers are there in time."""
        self._stop_waiting()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(timeout_s, self.end, "silent")

    def end(self, reason: str) -> None:
        """Close it, and say why where a request has begun."""
        self._connections.closed[reason] += 1
        self._connections.gone(self)
        self._stop_waiting()
        if self._transport is not None:
            if self._has_begun:
                self._transport.write(_TOO_LATE)
            self._transport.close()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
