"""``GET /metrics``: received = stored + duplicates + dropped, whatever comes through which door."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import grpc
import pytest

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.spool import SegmentWriter
from llmtrace.version import VERSION
from tests.collector.clients import call, send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z_]+)="([^"]*)"\})? (\S+)')
POISON = 666


def fails_at_poison(row: SpanRow) -> SpanRow:
    if row.span_id == POISON:
        raise ZeroDivisionError
    return row


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    settings = load_settings({}, home=tmp_path)
    with Collector(settings, port=0, grpc_port=0, pricer=fails_at_poison) as running:
        yield running


def refresh(collector: Collector, home: Path) -> None:
    token = (home / "token").read_text().strip()
    answer = call(collector.url, "POST", "/v1/refresh", b"{}", Authorization=f"Bearer {token}")
    assert answer.status == 200


def figures(collector: Collector) -> dict[tuple[str, str], float]:
    answer = call(collector.url, "GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    found = [SAMPLE.fullmatch(line) for line in lines]
    assert all(found)
    return {(m[1], m[3] or ""): float(m[4]) for m in found if m}


def total(samples: dict[tuple[str, str], float], name: str) -> float:
    return sum(value for (found, _), value in samples.items() if found == name)


def by_grpc(collector: Collector, payload: bytes) -> None:
    assert collector.grpc_url is not None
    with grpc.insecure_channel(collector.grpc_url) as channel:
        channel.unary_unary(TRACES)(payload, timeout=20)


def storm(collector: Collector, home: Path, door: int) -> None:
    """Send good, repeated, id-less and poisonous spans, and garbage, through all doors."""
    spool = SegmentWriter(home / "spool", now_ns=lambda: door, pid=door)
    for number in range(12):
        first = 1_000 * door + 10 * number
        good = request(span(first), span(first + 1), span(number + 1))
        bad = request(span(first + 2), span(first + 3, span_id=b""), span(4, trace_id=bytes(16)))
        poison = request(span(POISON, trace=first + 1), span(first + 4))
        for payload in (good, bad, good, poison):
            if number % 3 == 0:
                send(collector.url, payload)
            elif number % 3 == 1:
                by_grpc(collector, payload)
            else:
                spool.append(payload)
        spool.append(b"\xff garbage")
        assert send(collector.url, b"\xff garbage").status == 400
    spool.close()


@pytest.mark.timeout(120)
def test_every_span_of_a_storm_is_accounted_for(collector: Collector, tmp_path: Path) -> None:
    doors = [threading.Thread(target=storm, args=(collector, tmp_path, door)) for door in (1, 2, 3)]
    for thread in doors:
        thread.start()
    for thread in doors:
        thread.join(60)

    refresh(collector, tmp_path)
    told = figures(collector)

    received = total(told, "llmtrace_spans_received_total")
    stored = total(told, "llmtrace_spans_stored_total")
    duplicates = total(told, "llmtrace_spans_duplicate_total")
    dropped = total(told, "llmtrace_spans_dropped_total")
    assert received == 3 * 12 * (3 + 3 + 3 + 2)
    assert stored + duplicates + dropped == received
    assert told["llmtrace_spans_received_total", "http"] == 3 * 4 * 11
    assert told["llmtrace_spans_received_total", "grpc"] == 3 * 4 * 11
    assert told["llmtrace_spans_received_total", "spool"] == 3 * 4 * 11
    assert told["llmtrace_spans_dropped_total", "no_valid_id"] == 3 * 12 * 2
    assert told["llmtrace_spans_dropped_total", "dead_letter"] == 3 * 12 * 2
    assert told["llmtrace_requests_refused_total", "400"] == 3 * 12
    assert told["llmtrace_dead_letter_requests_total", ""] == 3 * 12 * 2
    assert told["llmtrace_dead_letter_files", ""] == 3 * 12 * 2
    assert told["llmtrace_lag_bytes", ""] == 0


def test_what_an_earlier_collector_left_is_received_too(tmp_path: Path) -> None:
    log = SegmentWriter(tmp_path / "wal", now_ns=lambda: 1, pid=1)
    log.append(request(span(1), span(2)))
    log.close()

    with Collector(load_settings({}, home=tmp_path), port=0) as collector:
        refresh(collector, tmp_path)
        told = figures(collector)

    assert told["llmtrace_spans_received_total", "earlier_log"] == 2
    assert told["llmtrace_spans_stored_total", ""] == 2


def test_versions_sizes_and_health_are_told(tmp_path: Path) -> None:
    with Collector(load_settings({}, home=tmp_path), port=0) as collector:
        told = figures(collector)

    assert told["llmtrace_build_info", VERSION] == 1
    assert any(name == "llmtrace_price_book_info" and "genai" in text for name, text in told)
    assert told["llmtrace_store_bytes", "database"] > 0
    assert told["llmtrace_disk_free_bytes", ""] > 0
    assert told["llmtrace_drain_failing", ""] == 0


def test_records_that_are_not_kept_are_counted_by_signal(collector: Collector) -> None:
    body = (
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":'
        b'[{"body":{"stringValue":"a"}},{"body":{"stringValue":"b"}}]}]}]}'
    )

    call(collector.url, "POST", "/v1/logs", body, Content_Type="application/json")

    assert figures(collector)["llmtrace_records_refused_total", "logs"] == 2
