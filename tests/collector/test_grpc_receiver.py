"""OTLP/gRPC: the stock exporter gets its spans in, and is told what it may repeat."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from llmtrace.collector import Collector
from llmtrace.collector import grpc_receiver as grpc_module
from llmtrace.collector import intake as intake_module
from llmtrace.collector.access import Access
from llmtrace.collector.arrivals import Arrivals
from llmtrace.collector.body import MAX_DECODED_BYTES
from llmtrace.collector.grpc_receiver import GrpcReceiver
from llmtrace.collector.intake import Intake
from llmtrace.config import Secret, load_settings
from llmtrace.errors import ConfigError, SegmentError
from llmtrace.store import open_store
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


class Log:
    """Stands where the disk would be, to be full on demand."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.payloads: list[bytes] = []

    def append(self, payload: bytes) -> Future[None]:
        done: Future[None] = Future()
        if self.error is None:
            self.payloads.append(payload)
            done.set_result(None)
        else:
            done.set_exception(self.error)
        return done


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    with Collector(load_settings({}, home=tmp_path), port=0, grpc_port=0) as running:
        yield running


@pytest.fixture
def log() -> Log:
    return Log()


def receiver(
    log: Log,
    token: str | None = None,
    *,
    arrivals: Arrivals | None = None,
    intake: Intake | None = None,
) -> GrpcReceiver:
    made = GrpcReceiver(
        intake or Intake(log),  # type: ignore[arg-type]  # only append is asked of it
        arrivals=arrivals,
        host="127.0.0.1",
        port=0,
        access=None if token is None else Access(Secret(token), is_guarded=True),
    )
    made.start()
    return made


def export(address: str, payload: bytes, path: str = TRACES, **metadata: str) -> bytes:
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(path)
        return call(payload, timeout=10, metadata=tuple(metadata.items()))


def refusal(address: str, payload: bytes, **metadata: str) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        export(address, payload, **metadata)
    return caught.value


def test_an_acknowledged_request_is_in_the_store(collector: Collector, tmp_path: Path) -> None:
    assert collector.grpc_url is not None

    answer = export(collector.grpc_url, request(span(1), span(2)))

    store = open_store(tmp_path)
    store.refresh()
    rows = store.sql("select count(*) as calls from llm_calls").to_pylist()
    assert ExportTraceServiceResponse.FromString(answer) == ExportTraceServiceResponse()
    assert rows == [{"calls": 2}]


def test_spans_without_ids_are_told_as_a_partial_success(log: Log) -> None:
    running = receiver(log)
    answer = export(f"127.0.0.1:{running.port}", request(span(1), span(0)))
    running.stop()

    told = ExportTraceServiceResponse.FromString(answer).partial_success
    assert told.rejected_spans == 1
    assert "1 of 2 spans" in told.error_message


def test_malformed_bytes_are_refused_for_good(log: Log) -> None:
    running = receiver(log)
    error = refusal(f"127.0.0.1:{running.port}", b"\xff\xff\xff")
    running.stop()

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "ExportTraceServiceRequest" in error.details()


def test_a_full_disk_is_unavailable_with_a_time_to_try_again(log: Log) -> None:
    log.error = SegmentError("no space left on device")
    running = receiver(log)
    error = refusal(f"127.0.0.1:{running.port}", request(span(1)))
    log.error = None
    export(f"127.0.0.1:{running.port}", request(span(1)))
    running.stop()

    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert b"google.rpc.RetryInfo" in details
    assert len(log.payloads) == 1


def test_too_much_at_once_is_exhausted_with_a_time_to_try_again(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "MAX_BYTES_IN_FLIGHT", 1)
    entered, go_on = threading.Event(), threading.Event()
    append = log.append

    def slow(payload: bytes) -> Future[None]:
        entered.set()
        go_on.wait(10)
        return append(payload)

    monkeypatch.setattr(log, "append", slow)
    running = receiver(log)
    first = threading.Thread(target=export, args=(f"127.0.0.1:{running.port}", request(span(1))))
    first.start()
    entered.wait(10)
    error = refusal(f"127.0.0.1:{running.port}", request(span(2)))
    go_on.set()
    first.join()
    running.stop()

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert b"RetryInfo" in dict(error.trailing_metadata())["grpc-status-details-bin"]


@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer wrong"}, {"authorization": "x"}])
def test_a_wrong_token_is_refused(log: Log, given: dict[str, str]) -> None:
    running = receiver(log, token="right")
    error = refusal(f"127.0.0.1:{running.port}", request(span(1)), **given)
    export(f"127.0.0.1:{running.port}", request(span(1)), authorization="Bearer right")
    running.stop()

    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert len(log.payloads) == 1


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def silent_call(channel: grpc.Channel, stop: threading.Event) -> Any:
    """Begin a call whose message never comes."""

    def nothing() -> Iterator[bytes]:
        stop.wait(20)
        yield from ()

    return channel.stream_unary(TRACES).future(nothing())


def test_silent_clients_keep_nobody_out(log: Log) -> None:
    # given: more calls without a message than there are workers, on several connections
    intake = Intake(log)  # type: ignore[arg-type]  # as above
    running = receiver(log, intake=intake)
    address = f"127.0.0.1:{running.port}"
    stop = threading.Event()
    with ExitStack() as stack:
        channels = [
            stack.enter_context(grpc.insecure_channel(address, (("own", number),)))
            for number in range(4)
        ]
        silent = [silent_call(channel, stop) for channel in channels for _ in range(12)]
        until(lambda: intake.refused == {"CANCELLED": 48 - 24})

        # when
        began = time.monotonic()
        for number in range(1, 9):
            export(address, request(span(number)))

        # then: the first of them gave way, and are told to try again
        assert time.monotonic() - began < 5
        assert len(log.payloads) == 8
        ended = [call.code() for call in silent if call.done()]
        assert len(ended) >= 48 - 24
        assert set(ended) == {grpc.StatusCode.CANCELLED}
        stop.set()
    running.stop()


def test_a_call_whose_message_never_comes_is_ended_in_time(log: Log) -> None:
    running = receiver(log, arrivals=Arrivals(at_most=24, timeout_s=0.2))
    stop = threading.Event()
    with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        call = silent_call(channel, stop)

        assert call.code() is grpc.StatusCode.CANCELLED
        stop.set()
    running.stop()


def test_who_connects_and_never_says_hello_is_closed(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = dict(grpc_module._OPTIONS)  # the same, but sooner
    options = {**shipped, "grpc.server_handshake_timeout_ms": 200}
    monkeypatch.setattr(grpc_module, "_OPTIONS", tuple(options.items()))
    running = receiver(log)
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as client:
        while client.recv(4096):
            pass  # gRPC's own hello comes first
    running.stop()


def test_a_message_over_the_limit_is_refused_for_good_and_counted(log: Log) -> None:
    intake = Intake(log)  # type: ignore[arg-type]  # as above
    running = receiver(log, intake=intake)
    error = refusal(f"127.0.0.1:{running.port}", bytes(MAX_DECODED_BYTES + 1))
    running.stop()

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(error.trailing_metadata())
    assert f"over {MAX_DECODED_BYTES} bytes; send smaller batches" in error.details()
    assert intake.refused == {"RESOURCE_EXHAUSTED": 1}


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_what_the_library_itself_refuses_is_counted_too(
    compression: grpc.Compression, log: Log
) -> None:
    intake = Intake(log)  # type: ignore[arg-type]  # as above
    running = receiver(log, intake=intake)
    with (
        grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        channel.unary_unary(TRACES)(bytes(33_600_000), timeout=10, compression=compression)
    until(lambda: sum(intake.refused.values()) == 1)
    running.stop()

    error: Any = caught.value
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in error.details()
    assert set(intake.refused) <= {"CANCELLED", "RESOURCE_EXHAUSTED"}  # it tells us no more


def test_logs_are_refused_in_words(log: Log) -> None:
    message = ExportLogsServiceRequest()
    message.resource_logs.add().scope_logs.add().log_records.add()
    running = receiver(log)
    answer = export(f"127.0.0.1:{running.port}", message.SerializeToString(), LOGS)
    running.stop()

    told = ExportLogsServiceResponse.FromString(answer).partial_success
    assert told.rejected_log_records == 1
    assert "OTEL_LOGS_EXPORTER=none" in told.error_message


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do(log: Log) -> None:
    running = receiver(log)
    with pytest.raises(ConfigError, match="--grpc-port 0"):
        GrpcReceiver(
            Intake(log),  # type: ignore[arg-type]  # as above
            host="127.0.0.1",
            port=running.port,
            access=None,
        )
    running.stop()
