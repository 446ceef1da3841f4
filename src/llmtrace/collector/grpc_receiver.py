"""OTLP/gRPC: the same intake behind another door.

Requests arrive as bytes and are logged as they came. A refusal that the client may repeat is
UNAVAILABLE or RESOURCE_EXHAUSTED with a ``RetryInfo``, as the OTLP specification asks; stock
clients do not repeat RESOURCE_EXHAUSTED without one. grpcio comes with the ``server`` extra.

To gRPC our methods take a stream, of which we read one message: on the wire that is the same, and
we are called when a call begins and not once its message is there, so that we can end one that
stays silent.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import grpc

from llmtrace.collector.access import Sender
from llmtrace.collector.arrivals import Arrivals
from llmtrace.collector.body import MAX_DECODED_BYTES
from llmtrace.collector.intake import OverloadedError
from llmtrace.collector.rate_limit import RateLimitedError
from llmtrace.collector.traces import acknowledgement, rejected_signal
from llmtrace.errors import ConfigError, LlmtraceError, SegmentError
from llmtrace.otlp.decode import MalformedOtlpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmtrace.collector.access import Access
    from llmtrace.collector.intake import Intake
    from llmtrace.collector.tls import Tls

logger = logging.getLogger(__name__)

_WORKERS: Final = 32
_MAX_SILENT: Final = 24
"""Calls that may wait for their message; the other workers are for those that have it."""
# Beyond this the library refuses by itself, in words of its own; up to it we do.
_MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024
_STOP_S: Final = 3.0
_COMMIT_TIMEOUT_S: Final = 30.0
_SERVICES: Final = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
}
_DETAILS: Final = "grpc-status-details-bin"
_TYPE_URL: Final = b"type.googleapis.com/google.rpc.RetryInfo"
_WAIT_S: Final = 2
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    # Of one connection; a stock exporter has one call at a time.
    ("grpc.max_concurrent_streams", 64),
    # Files run out before memory does: the store needs some, and the HTTP receiver.
    ("grpc.max_allowed_incoming_connections", 256),
    # Who connects and says nothing, who says hello and no more, who is gone without a word. A
    # connection that was idle is opened again by the next call.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 60_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


class NoMessageError(LlmtraceError):
    """A call brought no message, or one that the library refused."""


class GrpcReceiver:
    """A gRPC server on one address; ``start`` once, ``stop`` once."""

    def __init__(
        self,
        intake: Intake,
        *,
        host: str,
        port: int,
        access: Access | None,
        tls: Tls | None = None,
        arrivals: Arrivals | None = None,
    ) -> None:
        """Listen on ``host:port`` (0: any free one) once started.

        ``access`` judges every caller (``authorization: Bearer …``); None: nobody is asked.
        ``tls``: certificate and key; None: not encrypted. ``arrivals``: how long and how many calls
        may wait for their message. Raises ConfigError if the port is taken.
        """
        self._intake = intake
        self._access = access
        self._arrivals = arrivals or Arrivals(at_most=_MAX_SILENT)
        self._server = grpc.server(
            ThreadPoolExecutor(_WORKERS, thread_name_prefix="llmtrace-grpc"),
            options=_OPTIONS,
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
        self._arrivals.start()

    def stop(self) -> None:
        """Let what is being answered finish, for at most 3 s."""
        self._server.stop(_STOP_S).wait(_STOP_S + 1)
        self._arrivals.stop()

    def _answering(self, signal: str) -> Callable[[Iterator[bytes], Any], bytes]:
        def answer(messages: Iterator[bytes], context: Any) -> bytes:
            sender = self._sender(context)
            if sender is None:
                self._intake.refuse("UNAUTHENTICATED")
                context.abort(
                    grpc.StatusCode.UNAUTHENTICATED,
                    "a bearer token is needed: metadata authorization: Bearer …",
                )
                raise PermissionError  # unreachable: abort raises
            try:
                payload = self._message(messages, context)
                if signal == "traces":
                    return self._take(payload, sender.project)
                return self._refuse_signal(payload, signal)
            except _REFUSALS as error:
                code, wait_s = _code_of(error)
                self._intake.refuse(code.name)
                if wait_s is not None:
                    context.set_trailing_metadata(((_DETAILS, _retry_status(wait_s)),))
                context.abort(code, str(error))
                raise  # unreachable: abort raises
            except grpc.RpcError:
                # Its client is gone, it was silent for too long, or what it sent unpacks to more
                # than the library takes; the library has told it.
                self._intake.refuse("CANCELLED")
                raise

        return answer

    def _message(self, messages: Iterator[bytes], context: Any) -> bytes:
        """Return the message of a call. Raises NoMessageError, grpc.RpcError."""
        with self._arrivals.waiting(context.cancel) as arrival:
            payload = next(messages, None)
        if payload is None and arrival.is_ended:
            raise grpc.RpcError
        if payload is None or len(payload) > MAX_DECODED_BYTES:
            what = "there is no message, or one" if payload is None else "the message is"
            raise NoMessageError(f"{what} over {MAX_DECODED_BYTES} bytes; send smaller batches")
        return payload

    def _sender(self, context: Any) -> Sender | None:
        if self._access is None:
            return Sender()
        return self._access.sender(
            str(dict(context.invocation_metadata()).get("authorization", ""))
        )

    def _take(self, payload: bytes, project: str | None) -> bytes:
        self._intake.enter(len(payload))
        try:
            self._intake.limits.admit(project, len(payload))
            taken = self._intake.take(payload, "grpc", project)
            taken.done.result(_COMMIT_TIMEOUT_S)
        finally:
            self._intake.leave(len(payload))
        return acknowledgement(taken).SerializeToString()

    def _refuse_signal(self, payload: bytes, signal: str) -> bytes:
        answer, count = rejected_signal(payload, signal)
        self._intake.refuse_signal(signal, count)
        return answer.SerializeToString()


_REFUSALS: Final = (
    MalformedOtlpError,
    NoMessageError,
    OverloadedError,
    RateLimitedError,
    SegmentError,
    TimeoutError,
)


def _code_of(error: Exception) -> tuple[grpc.StatusCode, int | None]:
    """Return the gRPC status of a refusal, and the seconds to wait; None: for good."""
    if isinstance(error, MalformedOtlpError):
        return grpc.StatusCode.INVALID_ARGUMENT, None
    if isinstance(error, NoMessageError):
        return grpc.StatusCode.RESOURCE_EXHAUSTED, None
    if isinstance(error, RateLimitedError):
        return grpc.StatusCode.RESOURCE_EXHAUSTED, error.wait_s
    if isinstance(error, OverloadedError):
        return grpc.StatusCode.RESOURCE_EXHAUSTED, _WAIT_S
    return grpc.StatusCode.UNAVAILABLE, _WAIT_S


def _retry_status(wait_s: int) -> bytes:
    """Return a ``google.rpc.Status`` whose details hold a ``RetryInfo`` of 1 to 127 seconds.

    Written out, for the classes would be one more dependency. Fields: Status.details = 3,
    Any.type_url = 1, Any.value = 2, RetryInfo.retry_delay = 1, Duration.seconds = 1.
    """
    info = b"\x0a\x02\x08" + bytes([wait_s])
    detail = b"\x0a" + bytes([len(_TYPE_URL)]) + _TYPE_URL + b"\x12" + bytes([len(info)]) + info
    return b"\x1a" + bytes([len(detail)]) + detail


def _credentials(tls: Tls) -> Any:
    pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
    untyped: Any = grpc
    return untyped.ssl_server_credentials([pair])


def _handler(service: str, answer: Callable[[Iterator[bytes], Any], bytes]) -> Any:
    """Return a service of one method that takes and gives bytes as they are."""
    untyped: Any = grpc
    method = untyped.stream_unary_rpc_method_handler(answer)
    return grpc.method_handlers_generic_handler(service, {"Export": method})
