"""The reader of a collector says what is wrong when the collector does not."""

from __future__ import annotations

import socket
import threading

import pytest

from llmtrace.config import Secret
from llmtrace.errors import StoreUnreachableError
from llmtrace.store.discovery import RunningCollector
from llmtrace.store.remote import RemoteStore


def a_server(answer: bytes) -> str:
    """Listen, answer one connection with these bytes, and close."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.recv(65_536)
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
