"""A project's bucket: what it holds at once, how it fills, and who is told to wait for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest

from llmtrace.clock import SystemClock
from llmtrace.collector import Collector
from llmtrace.collector.rate_limit import NO_PROJECT, RateLimitedError, RateLimits
from llmtrace.collector.tokens import created, save_tokens
from llmtrace.config import load_settings
from tests.collector.clients import call, send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Stopwatch:
    """A monotonic clock that goes when told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch()


def test_without_a_limit_everything_is_admitted() -> None:
    limits = RateLimits(None)

    for _ in range(100):
        limits.admit("a", 10**9)

    assert not limits.refused


def test_ten_seconds_worth_may_come_at_once_and_then_nothing_until_it_fills(
    watch: Stopwatch,
) -> None:
    limits = RateLimits(100, monotonic_s=watch)
    for _ in range(4):
        limits.admit("a", 250)

    with pytest.raises(RateLimitedError, match="a may send 100 bytes a second") as caught:
        limits.admit("a", 1)
    watch.now_s += 0.1
    limits.admit("a", 1)

    assert caught.value.wait_s == 1
    assert limits.refused == {"a": 1}


def test_a_request_larger_than_the_bucket_is_taken_once_and_paid_for_afterwards(
    watch: Stopwatch,
) -> None:
    limits = RateLimits(100, monotonic_s=watch)
    limits.admit("a", 1_400)

    with pytest.raises(RateLimitedError) as first:
        limits.admit("a", 1)
    watch.now_s += 2.5
    with pytest.raises(RateLimitedError) as second:
        limits.admit("a", 1)
    watch.now_s += 1.6
    limits.admit("a", 1)

    assert (first.value.wait_s, second.value.wait_s) == (4, 2)


def test_nobody_is_told_to_wait_longer_than_an_exporter_does(watch: Stopwatch) -> None:
    limits = RateLimits(1, monotonic_s=watch)
    limits.admit("a", 10_000)

    with pytest.raises(RateLimitedError) as caught:
        limits.admit("a", 1)

    assert caught.value.wait_s == 5


def test_over_a_long_time_the_rate_holds(watch: Stopwatch) -> None:
    limits = RateLimits(100, monotonic_s=watch)
    taken = 0
    for _ in range(10_000):
        watch.now_s += 0.1
        try:
            limits.admit("a", 70)
        except RateLimitedError:
            continue
        taken += 70

    assert 100_000 <= taken <= 100_000 + 1_000 + 70


def test_one_project_s_haste_costs_no_other(watch: Stopwatch) -> None:
    limits = RateLimits(100, monotonic_s=watch)
    limits.admit("a", 5_000)
    limits.admit(None, 5_000)

    limits.admit("b", 1)
    for name in ("a", None):
        with pytest.raises(RateLimitedError):
            limits.admit(name, 1)

    assert limits.refused == {"a": 1, NO_PROJECT: 1}


def test_by_both_doors_who_sends_too_much_is_told_when_to_come_back(tmp_path: Path) -> None:
    # given: one project that has used up its ten seconds, and another
    words: dict[str, str] = {}
    kept = []
    for project in ("eager", "calm"):
        token, secret = created(project, SystemClock().now())
        kept.append(token)
        words[project] = f"Bearer {secret.reveal()}"
    save_tokens(tmp_path, kept)
    settings = load_settings({"LLMTRACE_MAX_BYTES_PER_SECOND": "50"}, home=tmp_path)
    big = request(span(1, {"text": "x" * 1_000}))
    with Collector(settings, port=0, grpc_port=0) as collector:
        assert send(collector.url, big, Authorization=words["eager"]).status == 200

        # when
        again = send(collector.url, big, Authorization=words["eager"])
        other = send(collector.url, big, Authorization=words["calm"])
        with (
            grpc.insecure_channel(collector.grpc_url or "") as channel,
            pytest.raises(grpc.RpcError) as caught,
        ):
            channel.unary_unary(TRACES)(
                big, timeout=10, metadata=(("authorization", words["eager"]),)
            )
        figures = call(collector.url, "GET", "/metrics").body.decode()

    # then
    assert (again.status, other.status) == (429, 200)
    assert 1 <= int(again.headers["retry-after"]) <= 5
    assert b"eager may send 50 bytes a second" in again.body
    refused: Any = caught.value
    assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert b"google.rpc.RetryInfo" in dict(refused.trailing_metadata())["grpc-status-details-bin"]
    assert 'llmtrace_requests_rate_limited_total{project="eager"} 2' in figures
    assert 'project="calm"' not in figures
