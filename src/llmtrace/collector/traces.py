"""OTLP/HTTP, protobuf and JSON: spans are acknowledged once they are on the disk.

Refusals say by their status whether the client may try again (OTLP: 429, 502, 503 and 504 only);
their body is a ``google.rpc.Status``. Logs and metrics are not kept: they are answered with a
partial success that rejects every record, so that their sender says so, and are counted.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from llmtrace.collector.body import MAX_COMPRESSED_BYTES, RefusedBodyError, decoded_body
from llmtrace.collector.intake import OverloadedError, remark
from llmtrace.collector.rate_limit import RateLimitedError
from llmtrace.collector.via import HEADER as VIA
from llmtrace.collector.via import Via
from llmtrace.errors import SegmentError
from llmtrace.otlp.decode import MalformedOtlpError, TooManySpansError
from llmtrace.otlp.json_request import request_from_json
from llmtrace.otlp.mended import mended_json
from llmtrace.otlp.weight import check_brackets, check_weight

if TYPE_CHECKING:
    from starlette.requests import Request

    from llmtrace.collector.intake import Intake, Room, Taken

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
# The stock OpenTelemetry exporter gives a batch up after 10 s in all: a longer wait loses it.
_WAIT_S: Final = 2
_BODY_TIMEOUT_S: Final = 30.0


class HttpReceiver:
    """Answers the three OTLP routes."""

    def __init__(self, intake: Intake, via: Via | None = None) -> None:
        """Hand what comes to ``intake``; ``via`` knows what we have sent on ourselves."""
        self._intake = intake
        self._via = via or Via()

    async def traces(self, request: Request) -> Response:
        """Take spans."""
        room = self._intake.room()
        try:
            kind, body = await self._read(request, room)
            # Only now: who is answered while it still writes may not see the answer.
            if self._via.comes_round(request.headers.get(VIA, "")):
                raise RefusedBodyError(
                    508,
                    "this collector sent these spans on itself: collectors forward to one another "
                    "in a circle; take one out of LLMTRACE_FORWARD_TO",
                )
            encoding = request.headers.get("content-encoding", "")
            project: str | None = getattr(request.state, "project", None)
            taken = await run_in_threadpool(self._opened, body, encoding, kind, project, room)
            await asyncio.wrap_future(taken.done)
        except _REFUSALS as error:
            return self._refusal(_kind_of(request), *_status_of(error), _wait_of(error))
        finally:
            room.close()
        return _answer(acknowledgement(taken), kind)

    async def logs(self, request: Request) -> Response:
        """Refuse log records, in words."""
        return await self._refuse_signal(request, "logs")

    async def metrics(self, request: Request) -> Response:
        """Refuse metric points, in words."""
        return await self._refuse_signal(request, "metrics")

    def stranger(self, request: Request) -> Response:
        """Refuse who may not send, and count it."""
        answer = self._refusal(
            _kind_of(request),
            401,
            "a bearer token that is valid is needed: Authorization: Bearer …",
        )
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    async def _read(self, request: Request, room: Room) -> tuple[str, bytes]:
        """Return content type and body, with room made for it."""
        kind = _kind_of(request)
        if kind not in {PROTOBUF, JSON}:
            raise RefusedBodyError(
                415,
                f"Content-Type {kind[:60]!r} is not taken; send {PROTOBUF} or {JSON} "
                "(OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf)",
            )
        room.grow(0)
        body = bytearray()
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_COMPRESSED_BYTES:
                    raise RefusedBodyError(
                        413, f"the body is over {MAX_COMPRESSED_BYTES} bytes; send smaller batches"
                    )
        room.grow(len(body))
        return kind, bytes(body)

    def _opened(
        self, body: bytes, encoding: str, kind: str, project: str | None, room: Room
    ) -> Taken:
        payload = decoded_body(body, encoding)
        room.grow(max(0, len(payload) - len(body)))
        self._intake.limits.admit(project, len(payload))
        if kind != JSON:
            return self._intake.take(payload, "http", project)
        request, replaced = _request_of_json(payload)
        return self._intake.take(request, "http", project, replaced=replaced)

    async def _refuse_signal(self, request: Request, signal: str) -> Response:
        room = self._intake.room()
        try:
            kind, body = await self._read(request, room)
            encoding = request.headers.get("content-encoding", "")
            answer, count = await run_in_threadpool(_rejected, body, encoding, kind, signal, room)
        except _REFUSALS as error:
            return self._refusal(_kind_of(request), *_status_of(error))
        finally:
            room.close()
        self._intake.refuse_signal(signal, count)
        return _answer(answer, kind)

    def _refusal(self, kind: str, status: int, reason: str, wait_s: int = _WAIT_S) -> Response:
        self._intake.refuse(str(status))
        is_json = kind == JSON
        return Response(
            json.dumps({"message": reason}) if is_json else _status_message(reason),
            status_code=status,
            media_type=JSON if is_json else PROTOBUF,
            headers={"Retry-After": str(wait_s)} if status in {429, 503} else None,
        )


def _kind_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


_REFUSALS: Final = (
    RefusedBodyError,
    MalformedOtlpError,
    OverloadedError,
    RateLimitedError,
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
    if isinstance(error, (OverloadedError, RateLimitedError)):
        return (429 if isinstance(error, RateLimitedError) else 503), str(error)
    if isinstance(error, TimeoutError):
        return 408, f"the body did not come within {_BODY_TIMEOUT_S:g} s"
    return 400, "the connection ended before the body did"


def _wait_of(error: Exception) -> int:
    """Return the seconds after which a refused client may try again."""
    return error.wait_s if isinstance(error, RateLimitedError) else _WAIT_S


def _request_of_json(text: bytes) -> tuple[bytes, int]:
    """Return a JSON request as protobuf, and how many characters were replaced in it."""
    check_brackets(text)
    try:
        return request_from_json(text), 0
    except TooManySpansError:
        raise
    except MalformedOtlpError:
        found = mended_json(text)
        if found is None:
            raise
        return request_from_json(found.payload), found.replaced


def acknowledgement(taken: Taken) -> ExportTraceServiceResponse:
    """Return the answer to a request that is on the disk, with what is to be said of it."""
    answer = ExportTraceServiceResponse()
    if said := remark(taken):
        answer.partial_success.rejected_spans = taken.checked.rejected
        answer.partial_success.error_message = said
    return answer


def _rejected(body: bytes, encoding: str, kind: str, signal: str, room: Room) -> tuple[Any, int]:
    payload = decoded_body(body, encoding)
    room.grow(max(0, len(payload) - len(body)))
    return rejected_signal(payload, signal, is_json=kind == JSON)


def rejected_signal(payload: bytes, signal: str, *, is_json: bool = False) -> tuple[Any, int]:
    """Return the answer that rejects every record of a request, and how many there are.

    ``signal`` is ``logs`` or ``metrics``. Raises MalformedOtlpError.
    """
    request: Any = ExportLogsServiceRequest() if signal == "logs" else ExportMetricsServiceRequest()
    try:
        if is_json:
            check_brackets(payload)
            json_format.Parse(payload, request, ignore_unknown_fields=True)
        else:
            check_weight(payload, request.DESCRIPTOR)
            request.ParseFromString(payload)
    except TooManySpansError:
        raise
    except (DecodeError, json_format.ParseError, ValueError, RecursionError) as error:
        raise MalformedOtlpError(f"the body is not an OTLP request of {signal}") from error
    if signal == "logs":
        count = sum(len(s.log_records) for r in request.resource_logs for s in r.scope_logs)
        answer: Any = ExportLogsServiceResponse()
        answer.partial_success.rejected_log_records = count
    else:
        metrics = [m for r in request.resource_metrics for s in r.scope_metrics for m in s.metrics]
        count = sum(_points(metric) for metric in metrics)
        answer = ExportMetricsServiceResponse()
        answer.partial_success.rejected_data_points = count
    answer.partial_success.error_message = (
        f"llmtrace keeps spans, not {signal}: send them elsewhere, "
        f"or set OTEL_{signal.upper()}_EXPORTER=none"
    )
    return answer, count


def _points(metric: Any) -> int:
    kind = metric.WhichOneof("data")
    return 0 if kind is None else len(getattr(metric, kind).data_points)


def _answer(message: Any, kind: str) -> Response:
    """Answer in the form the request came in, as OTLP asks."""
    if kind == JSON:
        text = json_format.MessageToJson(message, indent=None)
        return Response(text, media_type=JSON)
    return Response(message.SerializeToString(), media_type=PROTOBUF)


def _status_message(text: str) -> bytes:
    """Return a ``google.rpc.Status`` with only its ``message`` (field 2) set."""
    content = text.encode("utf-8", "replace")[:1000]
    length = len(content)
    prefix = bytes([length]) if length < 128 else bytes([length & 0x7F | 0x80, length >> 7])
    return b"\x12" + prefix + content
