"""A connection to the collector of this home; with TLS, to the one whose certificate it published.

The fingerprint comes from ``collector.json``, which only this user can write: that is stronger than
a name in a certificate, and lets a self-signed one be used without more ado.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
from urllib.parse import urlsplit


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
