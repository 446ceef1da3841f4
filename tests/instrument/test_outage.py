"""Everything after the process fails, for long: calls go on, memory is bounded, nothing doubles."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

import llmtrace
from llmtrace.instrument import runtime
from llmtrace.testing.provider.server import LoopbackServer, Received, Sending
from tests.instrument import scripts
from tests.instrument.recording import decoded, payloads_in, spans_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18},
}


def sending(status: int, delay_s: float = 0.0, **headers: str) -> Sending:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Sending(status=status, headers=names, pieces=(b"",), is_chunked=False, delay_s=delay_s)


class Endpoint(LoopbackServer):
    """An OTLP endpoint with a trouble that can end; what it accepts, it keeps."""

    def __init__(self, trouble: Sending | None = None, port: int = 0) -> None:
        self.trouble = trouble
        self.accepted: list[bytes] = []
        super().__init__(self._decide, port=port)

    def _decide(self, received: Received) -> Sending:
        trouble = self.trouble
        if trouble is None:
            self.accepted.append(received.body)
            return sending(200)
        return trouble

    @property
    def users(self) -> list[str]:
        """Who made the calls that arrived, in order of arrival."""
        spans = [span for body in self.accepted for span in decoded(body)]
        return [span["attributes"]["user.id"] for span in spans]


@pytest.fixture
def client() -> openai.OpenAI:
    http = httpx2.Client(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=ANSWER))
    )
    return openai.OpenAI(api_key="any", max_retries=0, http_client=http)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon: the pauses between attempts are not what is tested here."""
    monkeypatch.setattr("llmtrace.otlp.post.BACKOFF_S", (0.02,))


def ask(client: openai.OpenAI, first: int, count: int, text: str = "Hi") -> float:
    """Make calls for the users ``u<first>``…; return how long the slowest took, in seconds."""
    slowest = 0.0
    for number in range(first, first + count):
        began = time.perf_counter()
        with llmtrace.attribute(user=f"u{number}"):
            client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": text}]
            )
        slowest = max(slowest, time.perf_counter() - began)
    return slowest


def pipeline() -> Any:
    """Return the pipeline that works now."""
    assert runtime.active is not None
    return runtime.active.pipeline


TROUBLES = {
    "hangs": sending(200, delay_s=30),
    "503": sending(503),
    "429": sending(429, retry_after="1"),
    "401": sending(401),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_after_an_outage_everything_arrives_once_and_in_order(
    trouble: str, client: openai.OpenAI, tmp_path: Path
) -> None:
    with Endpoint(TROUBLES[trouble]) as endpoint:
        llmtrace.instrument(home=tmp_path, endpoint=endpoint.base_url, export_timeout_s=0.2)
        for part in range(5):
            ask(client, part * 60, 60)
            assert not llmtrace.flush(0.1)
        tries = len(endpoint.requests)

        endpoint.trouble = None
        ask(client, 300, 10)
        assert llmtrace.flush(20)

        assert endpoint.users == [f"u{number}" for number in range(310)]
    assert 1 <= tries < 100, "an endpoint in trouble is not asked with every batch"
    assert not pipeline().dropped


def test_after_refused_connections_everything_arrives_once_and_in_order(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    with Endpoint() as gone:
        port = gone.port
    llmtrace.instrument(home=tmp_path, endpoint=f"http://127.0.0.1:{port}")
    for part in range(5):
        ask(client, part * 60, 60)
        assert not llmtrace.flush(0.1)

    with Endpoint(port=port) as back:
        assert llmtrace.flush(20)
        assert back.users == [f"u{number}" for number in range(300)]
        assert len(back.accepted) <= 3, "a backlog goes out in few requests"


def test_a_backlog_of_many_segments_arrives_once_and_leaves_nothing_behind(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    with Endpoint(sending(503)) as endpoint:
        llmtrace.instrument(home=tmp_path, endpoint=endpoint.base_url, max_spool_bytes=6_000_000)
        for part in range(40):
            ask(client, part * 10, 10, "x" * 4_000)
            llmtrace.flush(0.01)
        endpoint.trouble = None
        assert llmtrace.flush(20)
        assert endpoint.users == [f"u{number}" for number in range(400)]

    left = list((tmp_path / "outbox").rglob("*.seg"))
    assert len(left) == 1, "the open one"
    assert len(list((tmp_path / "outbox").rglob("*.pos"))) <= 1


def test_of_requests_put_together_only_the_refused_one_is_lost(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    class Picky(Endpoint):
        def _decide(self, received: Received) -> Sending:
            if self.trouble is None and b'"poison"' in received.body:
                return sending(400)
            return super()._decide(received)

    with Picky(sending(503)) as endpoint:
        llmtrace.instrument(home=tmp_path, endpoint=endpoint.base_url)
        for number in range(6):
            ask(client, number, 1, "poison" if number == 3 else "Hi")
            llmtrace.flush(0.05)
        endpoint.trouble = None
        assert llmtrace.flush(10)

        assert endpoint.users == ["u0", "u1", "u2", "u4", "u5"]
    assert pipeline().dropped["endpoint_refused_400"] == 1


def test_an_outbox_beyond_its_limit_loses_the_oldest_and_tells_how_many_calls(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    with Endpoint(sending(503)) as endpoint:
        llmtrace.instrument(home=tmp_path, endpoint=endpoint.base_url, max_spool_bytes=1_000_000)
        for part in range(40):
            ask(client, part * 10, 10, "x" * 4_000)
            llmtrace.flush(0.01)
        size = sum(path.stat().st_size for path in tmp_path.rglob("*.seg"))
        endpoint.trouble = None
        ask(client, 400, 1)
        assert llmtrace.flush(20)
        arrived = endpoint.users
        resources = [s["resource"] for body in endpoint.accepted for s in decoded(body)]

    assert size < 1_200_000
    # The segment whose sending is just tried is not the one that is dropped.
    assert arrived == sorted(set(arrived), key=lambda user: int(user[1:]))
    assert arrived[-100:] == [f"u{number}" for number in range(301, 401)]
    lost = pipeline().dropped["spool_full"]
    assert lost == 401 - len(arrived) > 0
    told = {json.dumps(r): r.get("llmtrace.dropped.spool_full", 0) for r in resources}
    assert max(told.values()) > 0


def test_calls_go_on_and_memory_stays_bounded_while_the_background_thread_hangs(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    go_on = threading.Event()

    def hang(text: str) -> str:
        go_on.wait(60)
        return text

    llmtrace.instrument(home=tmp_path, redact=hang, max_queue_bytes=2_000_000)
    try:
        slowest = ask(client, 0, 1_000, "x" * 8_000)
        waiting = len(pipeline()._queue)
    finally:
        go_on.set()

    assert slowest < 20  # seconds; the thread hangs for 60
    assert waiting * 10_000 < 2_100_000
    dropped = pipeline().dropped["queue_full"]
    assert llmtrace.flush(20)
    ask(client, 1_000, 1)
    assert llmtrace.flush(5)
    spans = spans_in(tmp_path / "spool")
    assert len(spans) == 1_001 - dropped
    told = [
        decoded(payload)[0]["resource"].get("llmtrace.dropped.queue_full", 0)
        for payload in payloads_in(tmp_path / "spool")
    ]
    assert sum(told) == dropped > 0


FULL = """
import resource
home = sys.argv[1]
llmtrace.instrument(home=home, max_queue_bytes=300_000)
ask("before")
assert llmtrace.flush()
{fill}
import logging; logging.disable()
for n in range(400):
    assert ask(f"full {{n}} " + "x" * 2_000).choices
    if n % 10 == 0: llmtrace.flush(0.02)
assert not llmtrace.flush(0.1)
{free}
assert llmtrace.flush(5)
ask("after")
assert llmtrace.flush()
from llmtrace.instrument import runtime
print(json.dumps(runtime.active.pipeline.dropped))
"""


def check_full(out: str, home: Path) -> None:
    """Check that the newest calls were kept, and that the rest is counted."""
    dropped = json.loads(out)["disk_refused"]
    bodies = [s["attributes"]["llmtrace.request.body"] for s in spans_in(home / "spool")]
    texts = [json.loads(body)["messages"][0]["content"].rstrip("x ") for body in bodies]
    assert dropped > 0
    assert texts == ["before", *(f"full {n}" for n in range(dropped, 400)), "after"]
    assert len(texts) > 30


def test_a_disk_that_refuses_every_byte_is_waited_for(tmp_path: Path) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, ({}, resource.RLIM_INFINITY))"
    body = FULL.format(fill=limit.format(0), free=limit.format("resource.RLIM_INFINITY"))

    check_full(scripts.finish(scripts.start(body, tmp_path)), tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 4 MB, where that is allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small file system cannot be mounted here")
    yield place
    llmtrace.uninstrument()  # lets go of the segment
    subprocess.run(["umount", str(place)], check=True, timeout=10)  # noqa: S607  # wherever it is


def test_a_full_disk_is_waited_for(small_disk: Path) -> None:
    fill = """
filler = open(home + "/filler", "wb", buffering=0)
try:
    while True: filler.write(b"x" * 4096)
except OSError: pass
"""
    free = "filler.truncate(0); filler.close(); os.unlink(home + '/filler')"
    body = FULL.format(fill=fill, free=free)

    check_full(scripts.finish(scripts.start(body, small_disk)), small_disk)


def test_we_leave_half_of_a_small_disk_to_the_app(client: openai.OpenAI, small_disk: Path) -> None:
    llmtrace.instrument(home=small_disk)
    pipeline()._transport._segment_bytes = 200_000  # or the disk is smaller than a segment
    pipeline()._transport._writer = pipeline()._transport._new_writer()
    for part in range(100):
        ask(client, part * 10, 10, "x" * 4_000)
        assert llmtrace.flush(5)

    used = sum(path.stat().st_size for path in small_disk.rglob("*.seg"))
    assert used < 2_500_000
    lost = pipeline().dropped["spool_full"]
    assert len(spans_in(small_disk / "spool")) == 1_000 - lost


def test_on_a_full_disk_a_backlog_is_sent_once(client: openai.OpenAI, small_disk: Path) -> None:
    """Where how far it got cannot be noted on disk."""
    with Endpoint(sending(503)) as endpoint:
        llmtrace.instrument(home=small_disk, endpoint=endpoint.base_url)
        ask(client, 0, 50)
        assert not llmtrace.flush(0.1)
        with (small_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):  # noqa: PT011, PT012  # whichever: it is full
            while True:
                filler.write(b"x" * 4_096)
        endpoint.trouble = None
        assert llmtrace.flush(10)
        (small_disk / "filler").unlink()
        ask(client, 50, 1)
        assert llmtrace.flush(10)

        assert endpoint.users == [f"u{number}" for number in range(51)]
