"""A server on the loopback that gives one body, and a price list to give."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def price_list(usd: float = 7, model: str = "gpt-5", provider: str = "openai") -> bytes:
    """Return a price list with one model."""
    entry: dict[str, Any] = {
        "id": model,
        "match": {"equals": model},
        "prices": {"input_mtok": usd, "output_mtok": usd},
    }
    name = {"id": provider, "name": provider, "api_pattern": "x", "models": [entry]}
    return json.dumps([name]).encode()


@contextlib.contextmanager
def served(body: bytes, status: int = 200, location: str | None = None) -> Iterator[str]:
    """Give the address of a server that answers every request with ``body``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            # A reader that has seen enough hangs up.
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # inherited
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/data.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
