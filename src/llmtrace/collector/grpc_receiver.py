"""OTLP/gRPC: the same intake behind another door.

Requests arrive as bytes and are logged as they came. A refusal that the client may repeat is
UNAVAILABLE or RESOURCE_EXHAUSTED with a ``RetryInfo``, as the OTLP specification asks; stock
clients do not repeat RESOURCE_EXHAUSTED without one. grpcio comes with the ``server`` extra.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from llmtrace.collector.access import Sender
from llmtrace.collector.body import MAX_DECODED_BYTES
from llmtrace.collector.intake import OverloadedError, rejection_text
from llmtrace.collector.traces import rejected_signal
from llmtrace.errors import ConfigError, SegmentError
from llmtrace.otlp.decode import MalformedOtlpError, TooManySpansError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.collector.access import Access
    from llmtrace.collector.intake import Intake
    from llmtrace.collector.tls import Tls

logger = logging.getLogger(__name__)

_WORKERS: Final = 8
_STOP_S: Final = 3.0
_COMMIT_TIMEOUT_S: Final = 30.0
_SERVICES: Final = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
}
_DETAILS: Final = "grpc-status-details-bin"
# A google.rpc.Status whose details hold a google.rpc.RetryInfo of two seconds: written out, for the
# classes would be one more dependency. Fields: Status.details = 3, Any.type_url = 1, Any.value = 2,
# RetryInfo.retry_delay = 1, Duration.seconds = 1.
_RETRY_INFO: Final = b"\x0a\x02\x08\x02"
_TYPE_URL: Final = b"type.googleapis.com/google.rpc.RetryInfo"
_ANY: Final = (
    b"\x0a"
    + bytes([len(_TYPE_URL)])
    + _TYPE_URL
    + b"\x12"
    + bytes([len(_RETRY_INFO)])
    + _RETRY_INFO
)
_RETRY_STATUS: Final = b"\x1a" + bytes([len(_ANY)]) + _ANY


class GrpcReceiver:
    """A gRPC server on one address; ``start`` once, ``stop`` once."""

    def __init__(
        self, intake: Intake, *, host: str, port: int, access: Access | None, tls: Tls | None = None
    ) -> None:
        """Listen on ``host:port`` (0: any free one) once started.

        ``access`` judges every caller (``authorization: Bearer …``); None: nobody is asked.
        ``tls``: certificate and key; None: not encrypted. Raises ConfigError if the port is taken.
        """
        self._intake = intake
        self._access = access
        self._server = grpc.server(
            ThreadPoolExecutor(_WORKERS, thread_name_prefix="llmtrace-grpc"),
            options=(
                ("grpc.max_receive_message_length", MAX_DECODED_BYTES),
                ("grpc.so_reuseport", 0),
            ),
            maximum_concurrent_rpcs=512,
        )
        handlers = [_handler(name, self._answering(signal)) for name, signal in _SERVICES.items()]
        self._server.add_generic_rpc_handlers(tuple(handlers))
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self.port: int = (
                self._server.add_insecure_port(address)
                if tls is None
                else self._server.add_secure_port(address, _credentials(tls))
            )
        except RuntimeError as error:
            raise ConfigError(
                f"cannot listen on {host} port {port} for gRPC; stop what uses it, or choose "
                "another (`--grpc-port 0` takes a free one)"
            ) from error

    def start(self) -> None:
        """Answer requests from now on."""
        self._server.start()

    def stop(self) -> None:
        """Let what is being answered finish, for at most 3 s."""
        self._server.stop(_STOP_S).wait(_STOP_S + 1)

    def _answering(self, signal: str) -> Callable[[bytes, Any], bytes]:
        def answer(payload: bytes, context: Any) -> bytes:
            sender = self._sender(context)
            if sender is None:
                self._intake.refuse("UNAUTHENTICATED")
                context.abort(
                    grpc.StatusCode.UNAUTHENTICATED,
                    "a bearer token is needed: metadata authorization: Bearer …",
                )
                raise PermissionError  # unreachable: abort raises
            try:
                if signal == "traces":
                    return self._take(payload, sender.project)
                return self._refuse_signal(payload, signal)
            except _REFUSALS as error:
                code, may_retry = _code_of(error)
                self._intake.refuse(code.name)
                if may_retry:
                    context.set_trailing_metadata(((_DETAILS, _RETRY_STATUS),))
                context.abort(code, str(error))
                raise  # unreachable: abort raises

        return answer

    def _sender(self, context: Any) -> Sender | None:
        if self._access is None:
            return Sender()
        return self._access.sender(
            str(dict(context.invocation_metadata()).get("authorization", ""))
        )

    def _take(self, payload: bytes, project: str | None) -> bytes:
        self._intake.enter(len(payload))
        try:
            checked, done = self._intake.take(payload, "grpc", project)
            done.result(_COMMIT_TIMEOUT_S)
        finally:
            self._intake.leave(len(payload))
        answer = ExportTraceServiceResponse()
        if checked.rejected:
            answer.partial_success.rejected_spans = checked.rejected
            answer.partial_success.error_message = rejection_text(checked)
        return answer.SerializeToString()

    def _refuse_signal(self, payload: bytes, signal: str) -> bytes:
        answer, count = rejected_signal(payload, signal)
        self._intake.refuse_signal(signal, count)
        return answer.SerializeToString()


_REFUSALS: Final = (MalformedOtlpError, OverloadedError, SegmentError, TimeoutError)


def _code_of(error: Exception) -> tuple[grpc.StatusCode, bool]:
    """Return the gRPC status of a refusal, and whether the client may try again."""
    if isinstance(error, TooManySpansError):
        return grpc.StatusCode.INVALID_ARGUMENT, False
    if isinstance(error, MalformedOtlpError):
        return grpc.StatusCode.INVALID_ARGUMENT, False
    if isinstance(error, OverloadedError):
        return grpc.StatusCode.RESOURCE_EXHAUSTED, True
    return grpc.StatusCode.UNAVAILABLE, True


def _credentials(tls: Tls) -> Any:
    pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
    untyped: Any = grpc
    return untyped.ssl_server_credentials([pair])


def _handler(service: str, answer: Callable[[bytes, Any], bytes]) -> Any:
    """Return a service of one method that takes and gives bytes as they are."""
    untyped: Any = grpc
    method = untyped.unary_unary_rpc_method_handler(answer)
    return grpc.method_handlers_generic_handler(service, {"Export": method})
