"""The reader of a collector says what is wrong when the collector does not."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

import pytest

from llmtrace.config import Secret
from llmtrace.errors import StoreUnreachableError
from llmtrace.store.discovery import RunningCollector
from llmtrace.store.http_connection import Connections
from llmtrace.store.remote import RemoteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def path_asked(stream: BinaryIO) -> str | None:
    """Read one whole request, whose body may come after its headers; None: they hung up."""
    path = stream.readline().split(b" ")[1:2]
    length = 0
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    stream.read(length)
    return path[0].decode() if path else None


def a_server(answer: bytes) -> str:
    """Listen, answer one connection with these bytes, and close."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, listener, connection.makefile("rb") as stream:
            path_asked(stream)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def a_store(url: str) -> RemoteStore:
    return RemoteStore(RunningCollector(url=url, pid=77, version="1"), Secret("hush"))


def test_nobody_at_the_port_is_named_with_url_and_process() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()

    with pytest.raises(StoreUnreachableError, match=rf"collector at {url} \(process 77\) does not"):
        a_store(url).sql("select 1")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad\r\nContent-Length: 6\r\n\r\n<html>",
        b'HTTP/1.1 503 No\r\nContent-Length: 21\r\n\r\n{"error": "disk full"}',
    ],
)
def test_an_answer_that_is_none_is_a_store_error_without_the_token(answer: bytes) -> None:
    with pytest.raises(StoreUnreachableError) as caught:
        a_store(a_server(answer)).refresh()

    assert "hush" not in str(caught.value)


def test_rows_that_are_no_arrow_stream_are_a_store_error() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    with pytest.raises(StoreUnreachableError, match="did not send rows"):
        a_store(a_server(answer)).sql("select 1")


def test_the_store_tells_what_its_collector_tells_of_itself() -> None:
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"schema": 5}'

    assert a_store(a_server(answer)).status() == {"schema": 5}


@pytest.mark.parametrize("body", [b"<html>", b"[1, 2]"])
def test_a_status_that_is_none_is_a_store_error(body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    with pytest.raises(StoreUnreachableError, match="did not send"):
        a_store(a_server(answer)).status()
    with pytest.raises(StoreUnreachableError, match="did not send"):
        a_store(a_server(answer)).admin("compact", {}, timeout_s=5)


class Collector:
    """Answers as many requests on a connection as it is told, then hangs up; counts both."""

    def __init__(self, *, per_connection: int) -> None:
        self.connections = 0
        self.requests: list[str] = []
        self._per_connection = per_connection
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as stream:
            for _ in range(self._per_connection):
                path = path_asked(stream)
                if path is None:
                    return
                self.requests.append(path)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n" + b'{"a":1}')

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # or it goes on until the next one came
        self._listener.close()


@pytest.fixture
def collectors() -> Iterator[Callable[[int], Collector]]:
    made: list[Collector] = []

    def make(per_connection: int) -> Collector:
        made.append(Collector(per_connection=per_connection))
        return made[-1]

    yield make
    for each in made:
        with suppress(OSError):
            each.close()


def test_questions_that_follow_one_another_share_a_connection(
    collectors: Callable[[int], Collector],
) -> None:
    collector = collectors(100)
    store = a_store(collector.url)

    assert [store.status() for _ in range(5)] == [{"a": 1}] * 5
    assert collector.connections == 1
    store.close()
    store.status()
    assert collector.connections == 2


def test_a_connection_that_was_closed_meanwhile_costs_no_question(
    collectors: Callable[[int], Collector],
) -> None:
    collector = collectors(2)
    store = a_store(collector.url)
    for _ in range(7):
        assert store.status() == {"a": 1}
        time.sleep(0.01)

    assert len(collector.requests) == 7
    assert collector.connections == 4


def test_what_changes_the_store_gets_a_connection_of_its_own(
    collectors: Callable[[int], Collector],
) -> None:
    collector = collectors(100)
    store = a_store(collector.url)
    store.status()
    store.admin("compact", {}, timeout_s=5)
    store.status()

    assert collector.requests == ["/status", "/v1/admin/compact", "/status"]
    assert collector.connections == 2


def test_questions_at_once_have_each_their_own(collectors: Callable[[int], Collector]) -> None:
    collector = collectors(100)
    store = a_store(collector.url)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: store.status(), range(40)))

    assert found == [{"a": 1}] * 40
    assert 1 <= collector.connections <= 4


def test_a_connection_is_not_kept_for_long_nor_are_many(
    collectors: Callable[[int], Collector],
) -> None:
    now = [0.0]
    connections = Connections(collectors(100).url, None, clock=lambda: now[0])
    opened = [connections.open(timeout_s=5) for _ in range(12)]
    for each in opened:
        connections.keep(each)
    assert sum(each.sock is not None for each in opened) == 8

    assert connections.take(timeout_s=5) is opened[7]
    now[0] = 6.0
    assert connections.take(timeout_s=5) is None
    assert sum(each.sock is not None for each in opened) == 1
    opened[7].close()


def test_a_collector_that_is_gone_is_told_at_once(collectors: Callable[[int], Collector]) -> None:
    collector = collectors(1)
    store = a_store(collector.url)
    store.status()
    collector.close()

    with pytest.raises(StoreUnreachableError, match="does not answer"):
        store.status()
