"""A collector of which one can choose what goes wrong, for pages that must not mind.

Stands before a real one and passes on what it is asked, until it is told not to.
"""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from llmtrace.collector import Collector
from llmtrace.collector.files import publish
from llmtrace.config import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Fault = Literal["busy", "breaks off"]
"""Answers 503; hangs up in the middle of an answer."""


class FaultyCollector(ThreadingHTTPServer):
    """Passes on; with a ``fault``, after as many questions as it has ``patience`` for."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target).netloc
        self.fault: Fault | None = None
        self.patience = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FaultyCollector  # pyright: ignore[reportIncompatibleVariableOverride]  # who makes it

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as it is called
        """Say nothing."""

    def _answer(self) -> None:
        question = self.rfile.read(int(self.headers.get("content-length", "0")))
        fault, is_question = self.server.fault, self.path != "/healthz"
        if fault is not None and is_question and self.server.patience > 0:
            self.server.patience -= 1
            fault = None
        if fault == "busy" and is_question:
            self._send(503, b'{"error": "the store is busy"}')
            return
        status, body = self._passed_on(question)
        if fault is None or not is_question:
            self._send(status, body)
            return
        self._send(status, body[: len(body) // 2], of=len(body))
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _passed_on(self, question: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.server.target, timeout=30)
        try:
            kept = {name: self.headers[name] for name in ("authorization", "accept", "content-type")
                    if name in self.headers}  # fmt: skip
            connection.request(self.command, self.path, question, kept)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _send(self, status: int, body: bytes, *, of: int | None = None) -> None:
        """Send an answer; ``of``: how long it says to be, if not as long as it is."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if of is None else of))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def faulty_collector(home: Path) -> Iterator[FaultyCollector]:
    """Give what readers of ``home`` take for its collector."""
    settings = load_settings({}, home=home)
    with Collector(settings, port=0) as real, FaultyCollector(real.url) as door:
        publish(home, url=door.url, started_at=datetime.now(UTC))
        serving = threading.Thread(target=door.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield door
        finally:
            door.shutdown()
            serving.join()
