"""A disk that is almost full: nothing more is taken, all can be read, and it recovers by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest

from llmtrace.collector import Collector
from llmtrace.collector.disk import DiskGuard
from llmtrace.config import load_settings
from tests.collector.clients import call, send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Disk:
    """Says what is free."""

    def __init__(self, free: int) -> None:
        self.free = free

    def __call__(self) -> int:
        return self.free


def test_while_the_disk_is_low_senders_wait_readers_do_not_and_then_all_goes_on(
    tmp_path: Path,
) -> None:
    free = Disk(1_000)
    guard = DiskGuard(tmp_path, min_free_bytes=1_000, free_bytes=free, look_s=0)
    settings = load_settings({"LLMTRACE_TOKEN": "t"}, home=tmp_path)
    with Collector(settings, port=0, grpc_port=0, disk=guard) as collector:
        assert send(collector.url, request(span(1))).status == 200

        free.free = 999
        refused = send(collector.url, request(span(2)))
        with (
            grpc.insecure_channel(collector.grpc_url or "") as channel,
            pytest.raises(grpc.RpcError) as caught,
        ):
            channel.unary_unary(TRACES)(request(span(3)), timeout=20)
        call(collector.url, "POST", "/v1/refresh", b"{}", Authorization="Bearer t")
        rows = call(
            collector.url,
            "POST",
            "/v1/sql",
            b'{"query": "select count(*) from llm_calls"}',
            Authorization="Bearer t",
            Accept="application/json",
        )
        told = call(collector.url, "GET", "/metrics").body.decode()

        free.free = 1_200
        again = send(collector.url, request(span(2)))

    assert (refused.status, refused.headers["retry-after"]) == (503, "2")
    assert b"disk is almost full" in refused.body
    error: grpc.Call = caught.value  # type: ignore[assignment]  # it is one of those too
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" in dict(error.trailing_metadata())
    assert rows.json()["rows"] == [[1]]
    assert "llmtrace_disk_low 1" in told
    assert again.status == 200


def test_it_recovers_some_way_above_the_mark(tmp_path: Path) -> None:
    free = Disk(999)
    guard = DiskGuard(tmp_path, min_free_bytes=1_000, free_bytes=free, look_s=0)

    seen = [guard.is_low]
    for free.free in (1_050, 1_100, 1_050):
        seen.append(guard.is_low)

    assert seen == [True, True, False, False]


def test_the_disk_is_not_asked_with_every_request(tmp_path: Path) -> None:
    asked: list[int] = []

    def free() -> int:
        asked.append(1)
        return 0

    guard = DiskGuard(tmp_path, min_free_bytes=1, free_bytes=free, look_s=60)

    assert [guard.is_low, guard.is_low] == [True, True]
    assert len(asked) == 1


def test_a_disk_that_does_not_answer_is_not_called_low(tmp_path: Path) -> None:
    def free() -> int:
        raise OSError

    assert not DiskGuard(tmp_path, min_free_bytes=1, free_bytes=free).is_low


def test_of_a_real_disk_a_part_is_kept_free(tmp_path: Path) -> None:
    guard = DiskGuard(tmp_path)

    assert 0 < guard.min_free_bytes <= 512 * 1024 * 1024
    assert DiskGuard(tmp_path, min_free_bytes=2**62).is_low
