"""Clients that say nothing, or say it too slowly, cost others nothing."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from llmtrace.collector import Collector, traces
from llmtrace.collector.connections import Connections
from llmtrace.config import load_settings
from tests.collector.clients import PROTOBUF, send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 0.4
AT_MOST = 4


@pytest.fixture(scope="module")
def connections() -> Connections:
    return Connections(header_timeout_s=TIMEOUT_S, at_most=AT_MOST)


@pytest.fixture(scope="module")
def url(connections: Connections, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = load_settings({}, home=tmp_path_factory.mktemp("home"))
    with Collector(settings, port=0, connections=connections) as running:
        yield running.url


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)


def until_closed(client: socket.socket) -> bytes:
    """Return what the server still says; the test's time limit bounds the wait."""
    said = b""
    while piece := client.recv(4096):
        said += piece
    return said


HEAD = (
    b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: " + PROTOBUF.encode() + b"\r\n"
    b"Content-Length: %d\r\n\r\n"
)


def test_a_client_that_never_speaks_is_closed(url: str, connections: Connections) -> None:
    before = connections.closed["silent"]
    with connected(url) as client:
        began = time.monotonic()

        assert until_closed(client) == b""

        assert TIMEOUT_S * 0.9 < time.monotonic() - began < 10
        assert connections.closed["silent"] == before + 1


def test_headers_that_drip_in_are_cut_off_however_often_something_comes(url: str) -> None:
    with connected(url) as client:
        client.sendall(b"POST /v1/traces HTTP/1.1\r\n")
        client.settimeout(TIMEOUT_S / 8)
        said = b""
        for _ in range(100):
            try:
                client.sendall(b"X-Drip: 1\r\n")
                said += client.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
            if said:
                break

    assert said.startswith(b"HTTP/1.1 408 ")


def test_a_second_request_that_never_ends_is_cut_off_too(url: str) -> None:
    payload = request(span(1))
    with connected(url) as client:
        client.sendall(HEAD % len(payload) + payload)
        answer = client.recv(4096)
        client.sendall(b"POST /v1/tra")

        assert answer.startswith(b"HTTP/1.1 200 ")
        assert until_closed(client).startswith(b"HTTP/1.1 408 ")


def test_a_body_may_take_longer_than_the_headers(url: str) -> None:
    payload = request(span(2))
    with connected(url) as client:
        client.sendall(HEAD % len(payload))
        client.settimeout(TIMEOUT_S * 2)
        with pytest.raises(TimeoutError):  # nothing is said, and nothing closed, meanwhile
            client.recv(1)
        client.settimeout(10)
        client.sendall(payload)

        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_drips_in_is_cut_off(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_BODY_TIMEOUT_S", 0.2)
    with connected(url) as client:
        client.sendall(HEAD % 1_000 + b"\x0a")

        assert b" 408 " in client.recv(4096).partition(b"\r\n")[0]


def test_silent_clients_give_way_to_one_who_speaks(url: str, connections: Connections) -> None:
    before = connections.closed["too_many"]
    with ExitStack() as stack:
        silent = [stack.enter_context(connected(url)) for _ in range(3 * AT_MOST)]

        answers = [send(url, request(span(number))).status for number in range(3, 9)]

        assert answers == [200] * 6
        assert until_closed(silent[0]) == b""
        assert connections.closed["too_many"] - before >= 2 * AT_MOST


def test_where_all_are_busy_a_new_one_is_closed_and_the_others_finish(
    url: str, connections: Connections
) -> None:
    payload = request(span(9))
    with ExitStack() as stack:
        busy = [stack.enter_context(connected(url)) for _ in range(AT_MOST)]
        for client in busy:
            client.sendall(HEAD % len(payload) + payload[:5])
        deadline = time.monotonic() + 10
        while (
            len(connections._by_client) < AT_MOST or connections.waiting
        ) and time.monotonic() < deadline:
            time.sleep(0.01)
        one_more = stack.enter_context(connected(url))

        assert until_closed(one_more) == b""
        for client in busy:
            client.sendall(payload[5:])
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
