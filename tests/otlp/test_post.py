"""What an endpoint's answer means, and that neither URL nor header is told on."""

from __future__ import annotations

import zlib
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from llmtrace.clock import SystemClock
from llmtrace.config import Secret
from llmtrace.otlp.post import BACKOFF_S, Answer, Backoff, Poster
from llmtrace.testing.provider.server import LoopbackServer, Sending

if TYPE_CHECKING:
    from collections.abc import Iterator


class Endpoint(LoopbackServer):
    """Answers every request in the same way."""

    def __init__(self) -> None:
        self.answer_with: tuple[int, dict[str, str], bytes] = (200, {}, b"")
        super().__init__(self._decide)

    def _decide(self, received: object) -> Sending:
        status, headers, body = self.answer_with
        return Sending(status=status, headers=headers, pieces=(body,), is_chunked=False)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as running:
        yield running


def poster(url: str, **headers: str) -> Poster:
    secrets = {name: Secret(value) for name, value in headers.items()}
    return Poster(f"{url}/v1/traces", secrets, timeout_s=5)


@pytest.mark.parametrize("status", [301, 307, 401, 403, 408, 429, 502, 503, 504])
def test_later_is_told_from_never(endpoint: Endpoint, status: int) -> None:
    endpoint.answer_with = (status, {"location": endpoint.base_url + "/elsewhere"}, b"")

    answer = poster(endpoint.base_url).post(b"x")

    assert (answer.verdict, answer.why) == ("later", f"HTTP {status}")
    assert [request.path for request in endpoint.requests] == ["/v1/traces"]


@pytest.mark.parametrize("status", [400, 404, 413, 422, 500, 508])
def test_never_is_told_from_later(endpoint: Endpoint, status: int) -> None:
    endpoint.answer_with = (status, {"retry-after": "1"}, b"")

    assert poster(endpoint.base_url).post(b"x") == Answer(
        verdict="never", status=status, why=f"HTTP {status}"
    )


def test_what_an_accepted_request_lost_is_told(endpoint: Endpoint) -> None:
    said = ExportTraceServiceResponse()
    said.partial_success.rejected_spans = 3
    said.partial_success.error_message = "no ids"
    endpoint.answer_with = (200, {}, said.SerializeToString())

    assert poster(endpoint.base_url).post(b"x") == Answer(
        verdict="accepted", status=200, rejected=3
    )


@pytest.mark.parametrize("body", [b"\xff\xff garbage", b"", b"\x0a\x02\x08\x00", b"{}"])
def test_any_answer_that_is_200_is_an_acceptance(endpoint: Endpoint, body: bytes) -> None:
    endpoint.answer_with = (200, {}, body)

    assert poster(endpoint.base_url).post(b"x") == Answer(verdict="accepted", status=200)


def test_retry_after_is_seconds_or_a_date(endpoint: Endpoint) -> None:
    soon = format_datetime(SystemClock().now() + timedelta(seconds=60), usegmt=True)
    told = {}
    for text in ("7", soon, "tomorrow", "-1", "9" * 400):
        endpoint.answer_with = (503, {"retry-after": text}, b"")
        told[text] = poster(endpoint.base_url).post(b"x").retry_after_s

    assert told.pop(soon) == pytest.approx(60, abs=3)
    assert told == {"7": 7, "tomorrow": 0, "-1": 0, "9" * 400: 0}


def test_a_body_is_packed_if_that_is_wanted(endpoint: Endpoint) -> None:
    packing = Poster(endpoint.base_url, {}, timeout_s=5, compression="gzip")

    packing.post(b"spans" * 100, {"x-more": "1"})

    (request,) = endpoint.requests
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["x-more"] == "1"
    assert len(request.body) < 100
    assert zlib.decompress(request.body, 31) == b"spans" * 100


def test_no_answer_is_told_without_the_url_or_a_header(endpoint: Endpoint) -> None:
    endpoint.stop()

    assert poster(endpoint.base_url, key="hunter2").post(b"x") == Answer(
        verdict="later", why="URLError"
    )
    assert poster(endpoint.base_url, key="hunter2\nx: y").post(b"x") == Answer(
        verdict="later", why="ValueError"
    )


def test_an_endpoint_is_left_alone_ever_longer_until_it_accepts() -> None:
    backoff = Backoff(max_retry_after_s=100)
    pauses = []
    for _ in range(8):
        backoff.note(Answer(verdict="later"))
        pauses.append(backoff.pause_s)

    backoff.note(Answer(verdict="accepted"))

    assert pauses == [*BACKOFF_S, BACKOFF_S[-1], BACKOFF_S[-1]]
    assert (backoff.pause_s, backoff.failures) == (0, 0)


@pytest.mark.parametrize(("asked_s", "pause_s"), [(0.1, 0.5), (40, 40), (1e9, 100)])
def test_a_pause_that_is_asked_for_is_made_within_bounds(asked_s: float, pause_s: float) -> None:
    backoff = Backoff(max_retry_after_s=100)

    backoff.note(Answer(verdict="later", retry_after_s=asked_s))

    assert backoff.pause_s == pause_s
