"""A collector's life: one per home, found by readers, closed to strangers, nothing left behind."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.errors import ConfigError, StoreLockedError, StoreUnreachableError, StoreVersionError
from llmtrace.spool import SegmentWriter
from llmtrace.store import DATABASE_FILE, StoreLock, Writer, open_store
from tests.collector.clients import call, send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path


def a_collector(home: Path, *, port: int = 0, host: str = "127.0.0.1", **env: str) -> Collector:
    return Collector(load_settings(env, home=home), port=port, host=host)


def calls(home: Path) -> int:
    found = open_store(home).sql("select count(*)::int as n from llm_calls")
    return found.column("n")[0].as_py()


def test_while_it_runs_it_is_published_and_afterwards_not(tmp_path: Path) -> None:
    with a_collector(tmp_path) as collector:
        published = json.loads((tmp_path / "collector.json").read_text())

    assert (published["url"], published["pid"]) == (collector.url, os.getpid())
    assert set(published) == {"url", "pid", "version", "started_at"}
    assert not (tmp_path / "collector.json").exists()


def test_the_token_is_for_this_user_alone_and_not_published(tmp_path: Path) -> None:
    with a_collector(tmp_path):
        token = (tmp_path / "token").read_text().strip()
        published = (tmp_path / "collector.json").read_text()

    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert len(token) > 30
    assert token not in published


def test_a_configured_token_is_not_written_down(tmp_path: Path) -> None:
    with a_collector(tmp_path, LLMTRACE_TOKEN="secret-of-mine") as collector:
        answer = call(
            collector.url,
            "POST",
            "/v1/sql",
            b'{"query": "select 1"}',
            Authorization="Bearer secret-of-mine",
        )

    assert answer.status == 200
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(b"secret-of-mine" not in path.read_bytes() for path in files)


def test_a_second_collector_on_the_home_is_refused_naming_the_first(tmp_path: Path) -> None:
    with (
        a_collector(tmp_path),
        pytest.raises(StoreLockedError, match=rf"already runs on .*: process {os.getpid()};"),
    ):
        a_collector(tmp_path).start()


def test_a_refused_start_leaves_the_running_one_as_it_was(tmp_path: Path) -> None:
    with a_collector(tmp_path) as collector:
        with pytest.raises(StoreLockedError):
            a_collector(tmp_path).start()

        assert call(collector.url, "GET", "/healthz").status == 200
        assert (tmp_path / "collector.json").exists()


def test_a_taken_port_is_named_with_what_to_do_and_the_home_is_free_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=rf"port {port}: Address already in use; .*--port 0"):
            a_collector(tmp_path, port=port).start()

    assert StoreLock(tmp_path).try_acquire("next")


def test_a_host_that_others_can_reach_needs_a_token(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'0\.0\.0\.0' can be reached .* set LLMTRACE_TOKEN"):
        a_collector(tmp_path, host="0.0.0.0")  # noqa: S104  # refused, never bound


def test_what_apps_wrote_before_the_start_is_stored(tmp_path: Path) -> None:
    app = SegmentWriter(tmp_path / "spool", now_ns=lambda: 1, pid=1)
    app.append(request(span(1)))

    with a_collector(tmp_path):
        open_store(tmp_path).refresh()

        assert calls(tmp_path) == 1
    app.close()


def test_what_was_acknowledged_is_stored_before_it_has_stopped(tmp_path: Path) -> None:
    with a_collector(tmp_path) as collector:
        for number in range(1, 21):
            assert send(collector.url, request(span(number))).status == 200

    with Writer(tmp_path / DATABASE_FILE) as writer:
        assert writer.sql("from llm_calls").num_rows == 20
    assert list((tmp_path / "wal").iterdir()) == []


def test_stopping_twice_is_no_error(tmp_path: Path) -> None:
    collector = a_collector(tmp_path).start()

    collector.stop()
    collector.stop()

    assert StoreLock(tmp_path).try_acquire("next")


def test_a_task_runs_beside_it_with_the_writer_until_it_stops(tmp_path: Path) -> None:
    seen: list[int] = []
    stopped = threading.Event()

    def task(writer: Writer, stop: threading.Event) -> None:
        seen.append(writer.schema)
        stop.wait(20)
        stopped.set()

    with Collector(load_settings({}, home=tmp_path), port=0, tasks=[task]):
        assert not stopped.is_set()

    assert len(seen) == 1
    assert stopped.is_set()


def test_a_task_that_fails_does_not_take_the_collector_with_it(tmp_path: Path) -> None:
    failed = threading.Event()

    def task(_writer: Writer, _stop: threading.Event) -> None:
        failed.set()
        raise ZeroDivisionError

    with Collector(load_settings({}, home=tmp_path), port=0, tasks=[task]) as collector:
        assert failed.wait(10)
        assert send(collector.url, request(span(1))).status == 200


def test_a_newer_store_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.transaction(
            lambda t: t.execute("update _meta set value = '999' where key = 'schema_version'")
        )

    with pytest.raises(StoreVersionError, match="upgrade this one"):
        a_collector(tmp_path).start()

    assert not (tmp_path / "collector.json").exists()
    assert StoreLock(tmp_path).try_acquire("next")


def test_a_home_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")

    with pytest.raises(StoreUnreachableError, match="LLMTRACE_HOME to another folder"):
        a_collector(tmp_path / "home").start()


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_headers(tmp_path: Path) -> None:
    took: list[float] = []
    with a_collector(tmp_path) as collector:
        address = urlsplit(collector.url)
        client = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        with closing(client):
            for _ in range(40):
                began = time.monotonic()
                client.request("GET", "/healthz")
                assert client.getresponse().read()
                took.append(time.monotonic() - began)

    # The system acknowledges the first dozen at once, the others after 40 ms: all of those, if any.
    assert min(took[20:]) < 0.035
