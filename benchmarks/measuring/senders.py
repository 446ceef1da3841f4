"""Load for a collector that is killed under it, and the ledger of what it acknowledged.

Senders behave as the specification asks: what was not acknowledged is sent again, here to the next
collector; now and then what was is sent again too, as by a client that lost the answer.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmtrace import semconv

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.spool import SegmentWriter

SPANS: Final = 20
"""Of a batch; its number is the trace id of all of them, and the span ids begin at 1."""
HTTP, GRPC, SPOOL = "http", "grpc", "spool"
_EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_AGAIN: Final = 0.05
"""Share of the acknowledged batches that are sent a second time."""
_START_NS: Final = 1_790_000_000_000_000_000
_PROMPT: Final = "The parcel left the depot on Tuesday, and nobody has seen it since then. " * 20


class Ledger:
    """Which batches were sent, which acknowledged, which must be sent again; for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 1
        self._unsent: list[int] = []
        self.acked: dict[int, str] = {}
        """Batch → the way it went."""
        self.sent: set[int] = set()
        self.repeated = 0
        """Batches that were sent more than once."""

    def take(self) -> int:
        """Return the batch to send next: one that got no answer, else a new one."""
        with self._lock:
            if self._unsent:
                self.repeated += 1
                return self._unsent.pop()
            batch = self._next
            self._next += 1
            self.sent.add(batch)
            return batch

    def put_back(self, batch: int) -> None:
        """Note that there was no answer."""
        with self._lock:
            self._unsent.append(batch)

    def acknowledge(self, batch: int, way: str, *, is_repeated: bool) -> None:
        """Note that it was taken; ``is_repeated``: and is sent again all the same."""
        with self._lock:
            self.acked[batch] = way
            if is_repeated:
                self._unsent.append(batch)


def a_batch(number: int) -> bytes:
    """Return the request of one batch: calls of 1.6 KB, with tokens to price."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    _set(resource.resource.attributes, semconv.SERVICE_NAME, "killed")
    scope = resource.scope_spans.add()
    for place in range(SPANS):
        begins = _START_NS + number * 1_000_000 + place * 1_000
        span = scope.spans.add(
            trace_id=number.to_bytes(16, "big"),
            span_id=(number * SPANS + place + 1).to_bytes(8, "big"),
            name="chat gpt-5",
            kind=Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=begins,
            end_time_unix_nano=begins + 250_000_000,
        )
        _set(span.attributes, semconv.OPERATION_NAME, "chat")
        _set(span.attributes, semconv.PROVIDER_NAME, "openai")
        _set(span.attributes, semconv.REQUEST_MODEL, "gpt-5")
        _set(span.attributes, semconv.INPUT_MESSAGES, f"{number} {_PROMPT}")
        span.attributes.add(key=semconv.USAGE_INPUT_TOKENS).value.int_value = 100 + place
        span.attributes.add(key=semconv.USAGE_OUTPUT_TOKENS).value.int_value = 20
    return request.SerializeToString()


class Load:
    """Senders by every way in, until the collector is gone or ``stop`` is called."""

    def __init__(
        self, ledger: Ledger, *, url: str, grpc_url: str | None, spool: SegmentWriter
    ) -> None:
        """Start sending."""
        self._ledger = ledger
        self._stopping = threading.Event()
        self.refusals: list[str] = []
        """Answers that were neither an acknowledgement nor a request to wait."""
        runs: list[tuple[Callable[..., None], object]] = [
            (self._by_http, url),
            (self._by_http, url),
            (self._by_spool, spool),
        ]
        if grpc_url is not None:
            runs.append((self._by_grpc, grpc_url))
        self._threads = [
            threading.Thread(target=run, args=(where,), daemon=True) for run, where in runs
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Return when nobody sends any more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a sender hangs"

    def _by_http(self, url: str) -> None:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        headers = {"content-type": "application/x-protobuf"}

        def send(payload: bytes) -> bool:
            connection.request("POST", "/v1/traces", payload, headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status not in {200, 503}:
                self.refusals.append(f"HTTP {answer.status}: {body[:200]!r}")
            return answer.status == 200

        try:
            self._send(send, HTTP, (OSError, http.client.HTTPException))
        finally:
            connection.close()

    def _by_grpc(self, address: str) -> None:
        with grpc.insecure_channel(address) as channel:
            export = channel.unary_unary(_EXPORT)

            def send(payload: bytes) -> bool:
                export(payload, timeout=20)
                return True

            self._send(send, GRPC, (grpc.RpcError,))

    def _by_spool(self, spool: SegmentWriter) -> None:
        """Write as an app does: what is in the file survives the app and the collector."""

        def send(payload: bytes) -> bool:
            spool.append(payload)
            time.sleep(0.02)  # the disk takes more than any collector reads
            return True

        self._send(send, SPOOL, ())

    def _send(
        self, send: Callable[[bytes], bool], way: str, gone: tuple[type[Exception], ...]
    ) -> None:
        draw = random.Random()  # noqa: S311  # when to repeat, not a secret
        while not self._stopping.is_set():
            batch = self._ledger.take()
            try:
                is_taken = send(a_batch(batch))
            except gone:
                self._ledger.put_back(batch)
                return
            if not is_taken:
                self._ledger.put_back(batch)
                time.sleep(0.05)
                continue
            self._ledger.acknowledge(batch, way, is_repeated=draw.random() < _AGAIN)


def _set(attributes: object, key: str, text: str) -> None:
    attributes.add(key=key).value.string_value = text  # type: ignore[attr-defined]  # a repeated field
