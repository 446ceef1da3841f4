"""OTLP/gRPC: the stock exporter gets its spans in, and is told what it may repeat."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from llmtrace.collector import Collector
from llmtrace.collector import intake as intake_module
from llmtrace.collector.access import Access
from llmtrace.collector.grpc_receiver import GrpcReceiver
from llmtrace.collector.intake import Intake
from llmtrace.config import Secret, load_settings
from llmtrace.errors import ConfigError, SegmentError
from llmtrace.store import open_store
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from collections.abc import Iterator
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


def receiver(log: Log, token: str | None = None) -> GrpcReceiver:
    made = GrpcReceiver(
        Intake(log),  # type: ignore[arg-type]  # only append is asked of it
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
