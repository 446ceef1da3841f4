"""POST /v1/traces: an OTLP/HTTP receiver (protobuf), acknowledged once it is on the disk.

Refusals say by their status whether the client may try again (OTLP: 429, 502, 503 and 504 only);
their body is a ``google.rpc.Status``. JSON is not taken yet.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from llmtrace.collector.body import MAX_COMPRESSED_BYTES, RefusedBodyError, decoded_body
from llmtrace.errors import SegmentError
from llmtrace.otlp.decode import MalformedOtlpError, TooManySpansError, check

if TYPE_CHECKING:
    from starlette.requests import Request

    from llmtrace.collector.log import WriteAheadLog
    from llmtrace.otlp.decode import Checked

PROTOBUF: Final = "application/x-protobuf"
MAX_BYTES_IN_FLIGHT: Final = 64 * 1024 * 1024
# The stock OpenTelemetry exporter gives a batch up after 10 s in all: a longer wait loses it.
_RETRY_AFTER: Final = {"Retry-After": "2"}
_BODY_TIMEOUT_S: Final = 30.0


class TracesReceiver:
    """Takes requests and counts what it took."""

    def __init__(self, log: WriteAheadLog) -> None:
        """Write what comes to ``log``."""
        self._log = log
        self._in_flight_bytes = 0
        self.received = 0
        """Spans acknowledged since the start."""
        self.refused: dict[str, int] = {}
        """Requests refused since the start, by HTTP status."""

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return await self._take(request)
        except _REFUSALS as error:
            return self._refusal(*_status_of(error))

    async def _take(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != PROTOBUF:
            raise RefusedBodyError(
                415,
                f"Content-Type {kind[:60]!r} is not taken; send {PROTOBUF} "
                "(OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf)",
            )
        body = await self._body(request)
        size = len(body)
        self._in_flight_bytes += size
        try:
            encoding = request.headers.get("content-encoding", "")
            payload, checked = await run_in_threadpool(_opened, body, encoding)
            await asyncio.wrap_future(self._log.append(payload))
        finally:
            self._in_flight_bytes -= size
        self.received += checked.spans - checked.rejected
        return Response(_answer(checked), media_type=PROTOBUF)

    async def _body(self, request: Request) -> bytes:
        if self._in_flight_bytes >= MAX_BYTES_IN_FLIGHT:
            raise RefusedBodyError(503, "too much is being received at once; try again")
        body = bytearray()
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_COMPRESSED_BYTES:
                    raise RefusedBodyError(
                        413, f"the body is over {MAX_COMPRESSED_BYTES} bytes; send smaller batches"
                    )
        return bytes(body)

    def _refusal(self, status: int, reason: str) -> Response:
        self.refused[str(status)] = self.refused.get(str(status), 0) + 1
        return Response(
            _status_message(reason),
            status_code=status,
            media_type=PROTOBUF,
            headers=_RETRY_AFTER if status == 503 else None,
        )


_REFUSALS: Final = (
    RefusedBodyError,
    MalformedOtlpError,
    SegmentError,
    TimeoutError,
    ClientDisconnect,
)


def _status_of(error: Exception) -> tuple[int, str]:
    """Return the HTTP status of a refusal, and words for whoever sent the request."""
    if isinstance(error, RefusedBodyError):
        return error.status, str(error)
    if isinstance(error, MalformedOtlpError):
        return (413 if isinstance(error, TooManySpansError) else 400), str(error)
    if isinstance(error, SegmentError):
        return 503, f"the spans were not stored: {error}"
    if isinstance(error, TimeoutError):
        return 408, f"the body did not come within {_BODY_TIMEOUT_S:g} s"
    return 400, "the connection ended before the body did"


def _opened(body: bytes, encoding: str) -> tuple[bytes, Checked]:
    payload = decoded_body(body, encoding)
    return payload, check(payload)


def _answer(checked: Checked) -> bytes:
    answer = ExportTraceServiceResponse()
    if checked.rejected:
        answer.partial_success.rejected_spans = checked.rejected
        answer.partial_success.error_message = (
            f"{checked.rejected} of {checked.spans} spans have no valid trace or span id"
        )
    return answer.SerializeToString()


def _status_message(text: str) -> bytes:
    """Return a ``google.rpc.Status`` with only its ``message`` (field 2) set."""
    content = text.encode("utf-8", "replace")[:1000]
    length = len(content)
    prefix = bytes([length]) if length < 128 else bytes([length & 0x7F | 0x80, length >> 7])
    return b"\x12" + prefix + content
