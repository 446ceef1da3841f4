"""Backends that spans are sent on to, and a wait for what must come true."""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.testing.provider.server import LoopbackServer, Received, Sending

if TYPE_CHECKING:
    from collections.abc import Callable


class Backend(LoopbackServer):
    """A bare OTLP/HTTP server: answers as it is told, then with 200, and keeps what it accepted."""

    def __init__(self, port: int = 0) -> None:
        self.answers: list[Sending] = []
        """For the next requests, one each."""
        self.always: Sending | None = None
        self.accepted: list[ExportTraceServiceRequest] = []
        super().__init__(self._decide, port=port)

    def _decide(self, received: Received) -> Sending:
        answer = self.always or (self.answers.pop(0) if self.answers else says(200))
        if answer.status == 200:
            is_packed = received.headers.get("content-encoding") == "gzip"
            body = zlib.decompress(received.body, 31) if is_packed else received.body
            self.accepted.append(ExportTraceServiceRequest.FromString(body))
        return answer

    @property
    def spans(self) -> list[Any]:
        """All spans it accepted, in order of arrival."""
        return [
            span
            for request in list(self.accepted)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def numbers(self) -> list[int]:
        """The span ids it accepted, as the numbers that tests gave them."""
        return [int.from_bytes(span.span_id, "big") for span in self.spans]


def says(status: int, body: bytes = b"", **headers: str) -> Sending:
    """Return an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Sending(status=status, headers=named, pieces=(body,), is_chunked=False)


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
    """Return once it is so; fail with ``what`` if it does not come true."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, f"it did not come true that {what}"
        time.sleep(0.01)
