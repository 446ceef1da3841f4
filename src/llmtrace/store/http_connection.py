"""A connection to the collector of this home; with TLS, to the one whose certificate it published.

The fingerprint comes from ``collector.json``, which only this user can write: that is stronger than
a name in a certificate, and lets a self-signed one be used without more ado.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT: Final = 8
"""Connections at most that wait for the next question."""
_KEPT_S: Final = 5.0
"""For how long: a collector closes one after 15 s."""
CLOSED: Final = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
"""What a question meets on a connection that the other side had closed."""


class _Pinned(http.client.HTTPSConnection):
    """Sends nothing, a token least of all, unless the certificate is the expected one."""

    def __init__(self, host: str, port: int | None, *, fingerprint: str, timeout: float) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Not by name or authority, but by fingerprint, below.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(host, port, timeout=timeout, context=context)
        self._fingerprint = fingerprint

    def connect(self) -> None:
        """Connect, and hang up on a stranger. Raises ssl.SSLError."""
        super().connect()
        sock = self.sock
        der = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
        found = hashlib.sha256(der or b"").hexdigest()
        if not hmac.compare_digest(found, self._fingerprint):
            self.close()
            raise ssl.SSLError("the collector shows another certificate than it published")


def connection_to(
    url: str, fingerprint: str | None, *, timeout_s: float
) -> http.client.HTTPConnection:
    """Return a connection that is opened with its first request."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return _Pinned(
            parts.hostname or "", parts.port, fingerprint=fingerprint or "", timeout=timeout_s
        )
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)


_Idle = tuple[http.client.HTTPConnection, float]
"""A connection, and since when it waits."""


class Connections:
    """Connections to one collector, open from one question to the next. Safe from any thread."""

    def __init__(
        self,
        url: str,
        fingerprint: str | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open nothing yet; ``clock``: seconds."""
        self._url = url
        self._fingerprint = fingerprint
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        # Nobody has to close a store that only asks.
        weakref.finalize(self, _close_all, self._idle)

    def take(self, *, timeout_s: float) -> http.client.HTTPConnection | None:
        """Return one that is open, if it still is; None if there is none."""
        with self._lock:
            while self._idle:
                connection, since = self._idle.pop()
                if connection.sock is not None and self._clock() - since < _KEPT_S:
                    connection.sock.settimeout(timeout_s)
                    return connection
                connection.close()
        return None

    def open(self, *, timeout_s: float) -> http.client.HTTPConnection:
        """Return a new one, connected. Raises OSError."""
        connection = connection_to(self._url, self._fingerprint, timeout_s=timeout_s)
        connection.connect()
        return connection

    def keep(self, connection: http.client.HTTPConnection) -> None:
        """Keep one whose answer was read for the next question, unless there are enough.

        One with TLS ends when both sides have said so: a collector that stops would wait for us.
        """
        is_plain = not isinstance(connection, http.client.HTTPSConnection)
        with self._lock:
            if is_plain and connection.sock is not None and len(self._idle) < _KEPT:
                self._idle.append((connection, self._clock()))
                return
        connection.close()

    def close(self) -> None:
        """Close those that are kept; the next question opens one."""
        with self._lock:
            _close_all(self._idle)


def _close_all(idle: list[_Idle]) -> None:
    while idle:
        idle.pop()[0].close()
