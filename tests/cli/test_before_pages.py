"""What stands before the pages; what it does to a real server's answers is in test_dashboard."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from llmtrace.cli.before_pages import LoadAhead
from llmtrace.cli.front_door import HEALTH

if TYPE_CHECKING:
    import pytest


def test_what_pages_need_is_loaded_when_somebody_comes_and_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[LoadAhead] = []
    is_over = threading.Event()

    def load(layer: LoadAhead) -> None:
        begun.append(layer)
        is_over.set()

    monkeypatch.setattr(LoadAhead, "_load", load)
    inside = Starlette(routes=[Route("/{path:path}", lambda _: PlainTextResponse("a page"))])
    with TestClient(LoadAhead(inside)) as client:
        client.get(HEALTH)
        assert not begun

        for _ in range(3):
            assert client.get("/cost").text == "a page"
        assert is_over.wait(10)

    assert len(begun) == 1
