"""Spans that were taken reach the other backends: all, unchanged, whoever is down meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.errors import ConfigError
from llmtrace.spool import SegmentWriter, list_segments
from llmtrace.spool.keeping import active_targets
from llmtrace.store import open_store
from llmtrace.store.discovery import find_collector
from tests.collector.backends import Backend, says, wait_until
from tests.collector.clients import call, send
from tests.otlp.otlp_requests import pairs, request, span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon: the pauses between attempts are not what is tested here."""
    monkeypatch.setattr("llmtrace.otlp.post.BACKOFF_S", (0.05,))
    monkeypatch.setattr("llmtrace.collector.forward._POLL_S", 0.02)


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as running:
        yield running


def forwarding(home: Path, *targets: str, **settings: Any) -> Collector:
    """Return a collector on ``home`` that sends on to ``targets``."""
    chosen = load_settings({}, home=home, forward_to=",".join(targets), **settings)
    return Collector(chosen, port=0)


def status(collector: Collector) -> dict[str, Any]:
    return call(collector.url, "GET", "/status").json()["forward"]


def stored(home: Path) -> list[int]:
    with open_store(home) as store:
        rows = store.sql("select span_id::bigint as id from spans order by 1")
    return rows.column("id").to_pylist()


def waits(home: Path) -> list[Path]:
    return [path for folder in active_targets(home) for path in list_segments(folder)]


def test_a_span_arrives_as_it_came(backend: Backend, tmp_path: Path) -> None:
    foreign = span(1, {"a": [1, {"b": b"\x00"}], "llmtrace.redacted": "1"}, trace_state="x=y")
    foreign.events.add(name="said", time_unix_nano=5).attributes.extend(pairs({"k": 1.5}))
    foreign.links.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    payload = request(foreign, resource={"service.name": "shop", "n": 1}, scope="other/1.2")

    with forwarding(tmp_path, f"b={backend.base_url}") as collector:
        send(collector.url, payload)
        wait_until(lambda: bool(backend.accepted), "the span arrived")

    assert [each.SerializeToString() for each in backend.accepted] == [payload]
    (received,) = backend.requests
    assert received.path == "/v1/traces"
    assert received.headers["content-type"] == "application/x-protobuf"
    assert received.headers["content-encoding"] == "gzip"
    assert waits(tmp_path) == []


def test_every_door_is_forwarded_and_the_counts_add_up(backend: Backend, tmp_path: Path) -> None:
    app = SegmentWriter(tmp_path / "spool", now_ns=lambda: 1, pid=1)
    with forwarding(tmp_path, f"b={backend.base_url}", forward_compression="none") as collector:
        for number in range(0, 60, 3):
            send(collector.url, request(span(number + 1), span(number + 2)))
            app.append(request(span(number + 3)))
        app.close()
        wait_until(lambda: len(backend.spans) == 60, "all spans arrived")
        # Counted is what the backend has answered for, a moment later.
        wait_until(lambda: status(collector)["b"]["waiting_bytes"] == 0, "all answers came")
        told = status(collector)["b"]
        metrics = call(collector.url, "GET", "/metrics").body.decode()

    assert sorted(backend.numbers) == list(range(1, 61))
    assert stored(tmp_path) == list(range(1, 61))
    assert told["forwarded"] == 60
    assert (told["dropped"], told["waiting_bytes"], told["lag_s"]) == ({}, 0, 0)
    assert 'llmtrace_forward_spans_total{target="b"} 60' in metrics


def test_spans_without_ids_and_garbage_spoil_nothing_else(backend: Backend, tmp_path: Path) -> None:
    app = SegmentWriter(tmp_path / "spool", now_ns=lambda: 1, pid=1)
    bad = request(span(2), scope="x")
    bad = bad.replace(b"chat gpt-5", b"chat \xff\xff\xff-5")  # no UTF-8, as protobuf asks of a name
    for payload in (request(span(1)), bad, request(span(3), span(4, trace=0))):
        app.append(payload)
    app.close()

    with forwarding(tmp_path, f"b={backend.base_url}") as collector:
        wait_until(lambda: status(collector)["b"]["dropped"] != {}, "it is counted")
        wait_until(lambda: status(collector)["b"]["waiting_bytes"] == 0, "nothing is left")
        told = status(collector)["b"]

    assert backend.numbers == [1, 3]
    assert (told["forwarded"], told["dropped"]) == (2, {"unreadable": 1})


def test_two_targets_go_each_at_its_own_pace(backend: Backend, tmp_path: Path) -> None:
    with Backend() as hanging:
        hanging.always = says(503)
        with forwarding(tmp_path, f"a={hanging.base_url}", f"b={backend.base_url}") as collector:
            send(collector.url, request(span(1)))
            wait_until(lambda: backend.numbers == [1], "the other one got it")
            wait_until(lambda: status(collector)["a"]["error"] is not None, "the failure is told")
            told = status(collector)

    assert told["a"]["waiting_bytes"] > 0
    assert told["a"]["lag_s"] > 0
    assert told["a"]["error"] == "HTTP 503"
    assert told["b"]["error"] is None


def test_a_backend_that_was_down_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    with Backend() as gone:
        port = gone.port
    target = f"b=http://127.0.0.1:{port}"
    with forwarding(tmp_path, target) as collector:
        for number in range(1, 11):
            assert send(collector.url, request(span(number))).status == 200
        wait_until(lambda: status(collector)["b"]["error"] is not None, "the failure is told")
    with forwarding(tmp_path, target) as collector:
        for number in range(11, 21):
            assert send(collector.url, request(span(number))).status == 200
        with Backend(port) as back:
            wait_until(lambda: len(back.spans) == 20, "all arrived")
            wait_until(lambda: waits(tmp_path) == waits(tmp_path)[-1:], "nothing old waits")

    assert back.numbers == list(range(1, 21))
    assert stored(tmp_path) == list(range(1, 21))


def test_a_second_llmtrace_stores_the_same(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with ExitStack() as stack:
        behind = stack.enter_context(Collector(load_settings({}, home=second), port=0))
        front = stack.enter_context(forwarding(first, f"b={behind.url}"))
        for number in range(1, 21):
            send(front.url, request(span(number, {"gen_ai.usage.input_tokens": number})))
        wait_until(lambda: status(front)["b"]["forwarded"] == 20, "all are sent on")

    query = "select * exclude (ingested_at) from spans order by span_id"
    with open_store(first) as one, open_store(second) as other:
        assert one.sql(query).equals(other.sql(query))


def test_partial_success_and_a_refusal_are_counted_and_told_once(
    backend: Backend, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with forwarding(tmp_path, f"b={backend.base_url}") as collector:
        for number, answer in enumerate(
            (says(200, b"\x0a\x02\x08\x01"), says(400), says(400), says(413)), start=1
        ):
            backend.answers = [answer]
            send(collector.url, request(span(2 * number), span(2 * number + 1)))
            wait_until(lambda seen=number: len(backend.requests) == seen, "it was tried")
        wait_until(lambda: sum(status(collector)["b"]["dropped"].values()) == 7, "it is counted")
        time.sleep(0.1)
        told = status(collector)["b"]

    assert told["dropped"] == {"rejected": 1, "refused_400": 4, "refused_413": 2}
    assert told["forwarded"] == 1
    assert len(backend.requests) == 4
    assert caplog.text.count("refused_400") == 1
    with open_store(tmp_path) as store:
        counted = store.sql("select total from _counts where name = 'not_forwarded.b'")
    assert counted.column("total").to_pylist() == [7]


def test_a_pause_that_the_backend_asks_for_is_made(backend: Backend, tmp_path: Path) -> None:
    backend.answers = [says(429, retry_after="1")]
    with forwarding(tmp_path, f"b={backend.base_url}") as collector:
        began = time.monotonic()
        send(collector.url, request(span(1)))
        wait_until(lambda: backend.numbers == [1], "it arrived")

    assert time.monotonic() - began >= 1
    assert len(backend.requests) == 2


def test_beyond_the_limit_the_oldest_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.collector.forward._LOOK_S", 0.01)
    sizes = [len(request(span(number))) + 16 for number in range(1, 7)]
    for number in range(1, 7):
        app = SegmentWriter(tmp_path / "spool", now_ns=lambda at=number: at, pid=1)
        app.append(request(span(number)))
        app.close()
    with Backend() as backend:
        backend.always = says(503)
        limit = sum(sizes[-2:])
        with forwarding(tmp_path, f"b={backend.base_url}", max_forward_bytes=limit) as collector:
            # As the spool is handed over, which need not be at once.
            wait_until(
                lambda: status(collector)["b"]["dropped"] == {"queue_full": 4},
                "the oldest are dropped",
            )
            backend.always = None
            wait_until(lambda: backend.numbers == [5, 6], "the newest arrive")
            told = status(collector)["b"]

    assert told["dropped"] == {"queue_full": 4}
    assert stored(tmp_path) == [1, 2, 3, 4, 5, 6]


def test_what_readers_store_while_no_collector_runs_is_sent_later(
    backend: Backend, tmp_path: Path
) -> None:
    target = f"b={backend.base_url}"
    with forwarding(tmp_path, target):
        pass
    app = SegmentWriter(tmp_path / "spool", now_ns=lambda: 1, pid=1)
    app.append(request(span(7)))
    app.close()
    assert stored(tmp_path) == [7]
    assert list_segments(tmp_path / "spool") == []

    with forwarding(tmp_path, target):
        wait_until(lambda: backend.numbers == [7], "it arrived")


def test_secrets_of_one_backend_reach_it_and_nothing_else(
    backend: Backend, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    headers = "b:x-team=hunter2,c:x-team=hunter3"
    with Backend() as other:
        other.always = says(401)
        with forwarding(
            tmp_path,
            f"b={backend.base_url}",
            f"c={other.base_url}?key=hunter4",
            forward_headers=headers,
        ) as collector:
            send(collector.url, request(span(1)))
            wait_until(lambda: backend.numbers == [1], "it arrived")
            wait_until(lambda: status(collector)["c"]["error"] is not None, "the other refused")
            said = "".join(
                [
                    str(status(collector)),
                    call(collector.url, "GET", "/metrics").body.decode(),
                    str(collector.forwards_to),
                    caplog.text,
                ]
            )

    assert backend.requests[0].headers["x-team"] == "hunter2"
    assert other.requests[0].headers["x-team"] == "hunter3"
    assert "hunter" not in said
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if b"hunter" in path.read_bytes()]


def test_a_redirect_is_not_followed(backend: Backend, tmp_path: Path) -> None:
    with Backend() as elsewhere:
        backend.answers = [says(307, location=elsewhere.base_url + "/v1/traces")]
        with forwarding(tmp_path, f"b={backend.base_url}") as collector:
            send(collector.url, request(span(1)))
            wait_until(lambda: backend.numbers == [1], "it arrived where it was sent")

        assert elsewhere.requests == []


def test_a_collector_does_not_forward_to_itself(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = load_settings({}, home=tmp_path, forward_to=f"http://localhost:{port}")

    with pytest.raises(ConfigError, match="is this collector itself"):
        Collector(settings, port=port).start()

    assert active_targets(tmp_path) == {}


def test_spans_do_not_go_round_between_two_collectors(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with ExitStack() as stack:
        first = stack.enter_context(forwarding(tmp_path / "a", f"b=http://127.0.0.1:{port}"))
        settings = load_settings({}, home=tmp_path / "b", forward_to=f"a={first.url}")
        second = stack.enter_context(Collector(settings, port=port))
        send(first.url, request(span(1)))
        wait_until(lambda: "refused_508" in status(second)["a"]["dropped"], "the circle is seen")
        wait_until(lambda: status(first)["b"]["forwarded"] == 1, "the answer came")
        time.sleep(0.2)

        assert status(first)["b"]["forwarded"] == 1
        assert status(second)["a"] | {"error": None} == status(second)["a"]
        assert status(second)["a"]["forwarded"] == 0


def a_process(home: Path, target: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "llmtrace", "collector", f"--home={home}", "--port=0", "--no-grpc"],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LLMTRACE_TOKEN": "", "LLMTRACE_FORWARD_TO": target},
    )

    def runs() -> bool:
        found = find_collector(home)
        assert process.poll() is None
        return found is not None and found.pid == process.pid

    wait_until(runs, "the collector runs", 30)
    return process


@pytest.mark.timeout(120)
def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acked: set[int] = set()
    with Backend() as backend:
        for kill in range(2):
            process = a_process(tmp_path, f"b={backend.base_url}")
            found = find_collector(tmp_path)
            assert found is not None
            backend.always = says(503) if kill == 0 else None
            for number in range(kill * 40 + 1, kill * 40 + 41):
                assert send(found.url, request(span(number))).status == 200
                acked.add(number)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        assert stored(tmp_path) == sorted(acked)  # a reader takes the dead one's log in
        with forwarding(tmp_path, f"b={backend.base_url}"):
            wait_until(lambda: set(backend.numbers) >= acked, "all arrived")

    assert set(backend.numbers) == acked
