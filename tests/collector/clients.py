"""What talks to a collector in these tests: plain HTTP, as any OTLP client does."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

PROTOBUF = "application/x-protobuf"


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


def call(url: str, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
    """Send one request on a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
    finally:
        connection.close()


def send(url: str, body: bytes, **headers: str) -> Answer:
    """POST an OTLP request."""
    return call(url, "POST", "/v1/traces", body, **{"Content_Type": PROTOBUF, **headers})
