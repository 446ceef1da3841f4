"""POST /v1/traces: what is acknowledged is stored; what is not says whether to try again."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import zlib
from typing import TYPE_CHECKING

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from llmtrace.collector import Collector
from llmtrace.collector.body import MAX_COMPRESSED_BYTES
from llmtrace.config import load_settings
from llmtrace.otlp.decode import MAX_SPANS
from llmtrace.store import open_store
from tests.collector.clients import PROTOBUF, call, send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    with Collector(load_settings({}, home=tmp_path), port=0) as running:
        yield running


def stored(home: Path) -> list[str]:
    store = open_store(home)
    store.refresh()
    return store.sql("select span_id from llm_calls order by all").column("span_id").to_pylist()


def ids(*numbers: int) -> list[str]:
    return [f"{number:016x}" for number in numbers]


def test_an_acknowledged_request_is_in_the_store(collector: Collector, tmp_path: Path) -> None:
    answer = send(collector.url, request(span(1), span(2)))

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert ExportTraceServiceResponse.FromString(answer.body) == ExportTraceServiceResponse()
    assert stored(tmp_path) == ids(1, 2)


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compressed_request_is_taken(
    encoding: str, compress: type, collector: Collector, tmp_path: Path
) -> None:
    answer = send(collector.url, compress(request(span(1))), Content_Encoding=encoding)

    assert answer.status == 200
    assert stored(tmp_path) == ids(1)


def test_an_empty_request_is_fine(collector: Collector) -> None:
    assert send(collector.url, b"").status == 200


def test_spans_without_ids_are_told_as_a_partial_success(
    collector: Collector, tmp_path: Path
) -> None:
    answer = send(collector.url, request(span(1), span(2, trace_id=bytes(16))))

    told = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert answer.status == 200
    assert told.rejected_spans == 1
    assert "1 of 2 spans have no valid trace or span id" in told.error_message
    assert stored(tmp_path) == ids(1)


def test_a_retried_request_is_stored_once(collector: Collector, tmp_path: Path) -> None:
    for _ in range(3):
        assert send(collector.url, request(span(1))).status == 200

    assert stored(tmp_path) == ids(1)


@pytest.mark.parametrize("body", [b"\xff\xff", b"{}", request(span(1))[:-4]])
def test_malformed_bytes_are_refused_for_good(body: bytes, collector: Collector) -> None:
    answer = send(collector.url, body)

    assert answer.status == 400
    assert b"not an ExportTraceServiceRequest; send protobuf" in answer.body


def test_a_body_that_is_not_gzip_is_refused(collector: Collector) -> None:
    assert send(collector.url, b"plain", Content_Encoding="gzip").status == 400


@pytest.mark.parametrize("kind", ["application/xml", "text/plain", ""])
def test_another_content_type_is_refused_with_what_to_send(kind: str, collector: Collector) -> None:
    answer = send(collector.url, b"{}", Content_Type=kind)

    assert answer.status == 415
    assert b"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in answer.body


def test_another_encoding_is_refused_with_what_to_send(collector: Collector) -> None:
    answer = send(collector.url, request(span(1)), Content_Encoding="br")

    assert answer.status == 415
    assert b"send gzip, deflate, zstd or none" in answer.body


def test_a_body_over_the_limit_is_refused(collector: Collector) -> None:
    answer = send(collector.url, bytes(MAX_COMPRESSED_BYTES + 1))

    assert answer.status == 413
    assert b"send smaller batches" in answer.body


def test_a_bomb_is_refused(collector: Collector) -> None:
    answer = send(collector.url, gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")

    assert answer.status == 413


def test_too_many_spans_are_refused(collector: Collector) -> None:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for _ in range(MAX_SPANS + 1):
        spans.add()

    assert send(collector.url, message.SerializeToString()).status == 413


def test_a_client_that_hangs_up_leaves_the_collector_well(
    collector: Collector, tmp_path: Path
) -> None:
    host, port = collector.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 1000\r\n\r\nhalf"
        )

    assert send(collector.url, request(span(1))).status == 200
    assert stored(tmp_path) == ids(1)


def test_reading_the_traces_route_is_not_allowed(collector: Collector) -> None:
    assert call(collector.url, "GET", "/v1/traces").status == 405


def test_a_full_log_answers_try_again_and_recovers(collector: Collector, tmp_path: Path) -> None:
    wal = tmp_path / "wal"
    wal.write_text("a file where the folder should be")

    refused = send(collector.url, request(span(1)))
    wal.unlink()
    taken = send(collector.url, request(span(2)))

    assert refused.status == 503
    assert refused.headers["retry-after"] == "2"
    assert b"cannot create segment" in refused.body
    assert taken.status == 200
    assert stored(tmp_path) == ids(2)


def test_json_is_stored_as_protobuf_is(collector: Collector, tmp_path: Path) -> None:
    message = ExportTraceServiceRequest.FromString(request(span(1), span(0)))
    content = json_format.MessageToDict(message)
    for each in content["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in ("traceId", "spanId"):
            each[name] = base64.b64decode(each.get(name, "")).hex()

    answer = send(collector.url, json.dumps(content).encode(), Content_Type="application/json")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert stored(tmp_path) == ids(1)


def test_a_refusal_of_json_is_json(collector: Collector) -> None:
    answer = send(collector.url, b"[]", Content_Type="application/json; charset=utf-8")

    assert answer.status == 400
    assert "resourceSpans" in answer.json()["message"]


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_other_signals_are_refused_in_words_and_counted(signal: str, collector: Collector) -> None:
    contents = {
        "logs": {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}, {}]}]}]},
        "metrics": {
            "resourceMetrics": [{"scopeMetrics": [{"metrics": [
                {"name": "m", "sum": {"dataPoints": [{}, {}]}}, {"name": "empty"},
            ]}]}]
        },
    }  # fmt: skip
    body = json.dumps(contents[signal]).encode()

    answer = call(
        collector.url, "POST", f"/v1/{signal}", body, **{"Content-Type": "application/json"}
    )

    told = answer.json()["partialSuccess"]
    status = call(collector.url, "GET", "/status").json()
    assert answer.status == 200
    assert "2" in (told.get("rejectedLogRecords"), told.get("rejectedDataPoints"))
    assert f"OTEL_{signal.upper()}_EXPORTER=none" in told["errorMessage"]
    assert status["refused_signals"] == {signal: 2}


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_nonsense_for_another_signal_is_refused(signal: str, collector: Collector) -> None:
    answer = call(collector.url, "POST", f"/v1/{signal}", b"\xff\xff", **{"Content-Type": PROTOBUF})

    assert answer.status == 400
