"""The OTLP/HTTP way: what waits on disk arrives once, and secrets stay where they belong."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import llmtrace
from llmtrace.instrument import runtime
from llmtrace.spool import list_segments
from llmtrace.testing.provider.server import LoopbackServer, Received, Sending
from tests.instrument.contract.apis_openai import CHAT
from tests.instrument.recording import decoded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider


class Collector(LoopbackServer):
    """An OTLP/HTTP endpoint that answers as it is told, then with 200."""

    def __init__(self, port: int = 0) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.raw_headers: list[dict[str, str]] = []
        self.body = b""
        super().__init__(self._decide, port=port)

    def _decide(self, received: Received) -> Sending:
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        return Sending(status=status, headers=headers, pieces=(self.body,), is_chunked=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def accepted(self) -> list[dict[str, Any]]:
        """Return the spans of every request, in order of arrival."""
        return [span for request in self.requests for span in decoded(request.body)]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon: the pauses between attempts are not what is tested here."""
    monkeypatch.setattr("llmtrace.otlp.post.BACKOFF_S", (0.02,))


def outbox(home: Path) -> list[Path]:
    """Return the segments that still wait."""
    return [path for folder in (home / "outbox").iterdir() for path in list_segments(folder)]


def test_spans_arrive_as_protobuf_at_the_traces_path(
    provider: LocalProvider, collector: Collector, tmp_path: Path
) -> None:
    llmtrace.instrument(home=tmp_path, endpoint=collector.endpoint)

    CHAT.create(CHAT.client(provider))
    assert llmtrace.flush(10)

    (request,) = collector.requests
    assert (request.method, request.path) == ("POST", "/v1/traces")
    assert request.headers["content-type"] == "application/x-protobuf"
    assert [span["name"] for span in collector.accepted()] == ["chat gpt-4o-mini"]
    assert not (tmp_path / "spool").exists()


def test_while_the_endpoint_is_down_spans_wait_on_disk_and_arrive_once_later(
    provider: LocalProvider, tmp_path: Path
) -> None:
    with Collector() as gone:
        port = gone.port
    llmtrace.instrument(home=tmp_path, endpoint=f"http://127.0.0.1:{port}")
    client = CHAT.client(provider)
    for _ in range(3):
        CHAT.create(client)
    assert not llmtrace.flush(0.3)
    assert outbox(tmp_path)

    with Collector(port) as back:
        assert llmtrace.flush(10)
        ids = [span["span_id"] for span in back.accepted()]

    assert len(ids) == len(set(ids)) == 3


@pytest.mark.parametrize("status", [401, 403, 408, 429, 502, 503, 504])
def test_an_answer_that_means_later_is_waited_for(
    provider: LocalProvider, collector: Collector, tmp_path: Path, status: int
) -> None:
    collector.answers = [(status, {}), (status, {})]
    llmtrace.instrument(home=tmp_path, endpoint=collector.endpoint)

    CHAT.create(CHAT.client(provider))
    assert llmtrace.flush(10)

    assert len(collector.requests) == 3
    assert len({request.body for request in collector.requests}) == 1
    assert runtime.active is not None
    assert not [k for k in runtime.active.pipeline.dropped if k.startswith("endpoint")]


def test_retry_after_is_obeyed(
    provider: LocalProvider, collector: Collector, tmp_path: Path
) -> None:
    collector.answers = [(429, {"retry-after": "1"})]
    llmtrace.instrument(home=tmp_path, endpoint=collector.endpoint)
    started = time.monotonic()

    CHAT.create(CHAT.client(provider))
    time.sleep(0.1)
    llmtrace.flush(0.01)
    assert llmtrace.flush(10)

    assert len(collector.requests) == 2
    assert time.monotonic() - started >= 1.0


@pytest.mark.parametrize("status", [400, 404, 413, 422, 500])
def test_an_answer_that_means_never_drops_that_request_and_counts_it(
    provider: LocalProvider,
    collector: Collector,
    tmp_path: Path,
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    collector.answers = [(status, {})]
    llmtrace.instrument(home=tmp_path, endpoint=collector.endpoint)
    client = CHAT.client(provider)

    CHAT.create(client)
    assert llmtrace.flush(10)
    CHAT.create(client)
    assert llmtrace.flush(10)

    assert len(collector.requests) == 2
    assert runtime.active is not None
    assert runtime.active.pipeline.dropped[f"endpoint_refused_{status}"] == 1
    assert f"HTTP {status}" in caplog.text


def test_what_an_accepted_request_lost_is_counted_and_not_sent_again(
    provider: LocalProvider, collector: Collector, tmp_path: Path
) -> None:
    collector.body = b"\x0a\x02\x08\x01"  # partial_success.rejected_spans = 1
    llmtrace.instrument(home=tmp_path, endpoint=collector.endpoint)

    CHAT.create(CHAT.client(provider))
    assert llmtrace.flush(10)

    assert len(collector.requests) == 1
    assert runtime.active is not None
    assert runtime.active.pipeline.dropped["endpoint_rejected"] == 1


def test_headers_and_token_are_sent_and_never_logged(
    provider: LocalProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import http.server

    seen: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(400 if len(seen) == 1 else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Be quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        caplog.set_level(logging.DEBUG)
        llmtrace.instrument(
            home=tmp_path,
            endpoint=f"http://127.0.0.1:{server.server_address[1]}",
            headers={"X-Api-Key": "hunter2-header"},
            token="hunter2-token",
        )
        CHAT.create(CHAT.client(provider))
        assert llmtrace.flush(10)
        llmtrace.uninstrument()
        server.shutdown()

    assert seen[0]["x-api-key"] == "hunter2-header"
    assert seen[0]["authorization"] == "Bearer hunter2-token"
    assert "hunter2" not in caplog.text


def test_what_a_dead_process_left_is_sent_by_the_next_one(
    provider: LocalProvider, collector: Collector, tmp_path: Path
) -> None:
    code = (
        "import os, sys, llmtrace; llmtrace.instrument(home=sys.argv[1], endpoint=sys.argv[2]);"
        "exec('with llmtrace.trace(\"of the dead\"): pass'); llmtrace.flush(0.5); os._exit(1)"
    )
    with Collector() as gone:
        port = gone.port
    endpoint = f"http://127.0.0.1:{port}"
    subprocess.run(  # our own script
        [sys.executable, "-c", code, str(tmp_path), endpoint], timeout=60, check=False
    )
    assert len(outbox(tmp_path)) == 1

    with Collector(port) as back:
        llmtrace.instrument(home=tmp_path, endpoint=endpoint)
        CHAT.create(CHAT.client(provider))
        assert llmtrace.flush(10)
        found = [span["name"] for span in back.accepted()]
        llmtrace.uninstrument()

    assert sorted(found) == ["chat gpt-4o-mini", "of the dead"]
    assert {path for path in outbox(tmp_path) if path.stat().st_size} <= set(outbox(tmp_path)[-1:])


def test_two_processes_with_one_outbox_send_nothing_of_the_living_twice(
    provider: LocalProvider, collector: Collector, tmp_path: Path
) -> None:
    code = (
        "import sys, llmtrace; llmtrace.instrument(home=sys.argv[1], endpoint=sys.argv[2])\n"
        "for n in range(40):\n"
        "    with llmtrace.trace(sys.argv[3] + str(n)): pass\n"
        "    llmtrace.flush(5)\n"
    )
    processes = [
        subprocess.Popen(  # our own script
            [sys.executable, "-c", code, str(tmp_path), collector.endpoint, who],
            env={**os.environ},
        )
        for who in ("a", "b")
    ]
    assert [process.wait(60) for process in processes] == [0, 0]

    found = [span["name"] for span in collector.accepted()]
    assert sorted(set(found)) == sorted(f"{who}{n}" for who in "ab" for n in range(40))
    assert len(found) == len(set(found))


def test_the_outbox_is_bounded_in_bytes(
    provider: LocalProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collector() as gone:
        port = gone.port
    llmtrace.instrument(home=tmp_path, endpoint=f"http://127.0.0.1:{port}", max_spool_bytes=20_000)
    client = CHAT.client(provider)
    for _ in range(5):
        CHAT.create(client)
        llmtrace.flush(0.05)

    assert sum(path.stat().st_size for path in outbox(tmp_path)) < 40_000


def test_the_exit_is_not_held_up_by_an_endpoint_that_hangs(
    provider: LocalProvider, collector: Collector, tmp_path: Path
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        code = (
            "import sys, llmtrace; llmtrace.instrument(home=sys.argv[1], endpoint=sys.argv[2],"
            " exit_flush_s=0.5)\nwith llmtrace.trace('step'): pass\n"
        )
        started = time.monotonic()
        subprocess.run(  # our own script
            [sys.executable, "-c", code, str(tmp_path), endpoint], timeout=60, check=True
        )

    assert time.monotonic() - started < 9
    assert len(outbox(tmp_path)) == 1


def test_a_redirect_is_not_followed_with_our_token(
    provider: LocalProvider, collector: Collector, tmp_path: Path
) -> None:
    with Collector() as elsewhere:
        collector.answers = [(302, {"location": elsewhere.endpoint})]
        llmtrace.instrument(home=tmp_path, endpoint=collector.endpoint, token="hunter2")
        CHAT.create(CHAT.client(provider))
        assert llmtrace.flush(10)

        assert elsewhere.requests == []
    assert len(collector.accepted()) == 2
    assert len(collector.requests) == 2


def test_new_spans_do_not_cut_the_pause_after_a_failure(
    provider: LocalProvider, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.otlp.post.BACKOFF_S", (30.0,))
    collector.answers = [(503, {})] * 100
    llmtrace.instrument(home=tmp_path, endpoint=collector.endpoint, flush_interval_s=0.001)
    client = CHAT.client(provider)

    for _ in range(5):
        CHAT.create(client)
        time.sleep(0.02)

    assert len(collector.requests) == 1
