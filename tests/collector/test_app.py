"""The other routes: queries with the token, health without it, figures that add up."""

from __future__ import annotations

import asyncio
import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from starlette.responses import Response

from llmtrace.collector import Collector
from llmtrace.collector.access import Access
from llmtrace.collector.app import make_app
from llmtrace.config import Secret, load_settings
from llmtrace.spool import SegmentWriter
from tests.collector.clients import Answer, call, send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    with Collector(load_settings({}, home=tmp_path), port=0) as running:
        yield running


@pytest.fixture
def token(collector: Collector, tmp_path: Path) -> str:
    del collector
    return (tmp_path / "token").read_text().strip()


def ask(collector: Collector, token: str | None, question: Any) -> Answer:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    body = question if isinstance(question, bytes) else json.dumps(question).encode()
    return call(collector.url, "POST", "/v1/sql", body, **headers)


def test_a_query_is_answered_with_an_arrow_stream(collector: Collector, token: str) -> None:
    answer = ask(
        collector,
        token,
        {
            "query": "select ? as a, ?::decimal(18, 12) as b",
            "parameters": ["x", {"decimal": "0.1"}],
        },
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    with pa.ipc.open_stream(answer.body) as reader:
        rows = reader.read_all().to_pylist()
    assert [(row["a"], str(row["b"])) for row in rows] == [("x", "0.100000000000")]


@pytest.mark.parametrize("wrong", [None, "", "wrong", "Bearer", "é"])
def test_without_the_token_nothing_is_told(wrong: str | None, collector: Collector) -> None:
    answer = ask(collector, wrong, {"query": "select 1"})

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_refresh_needs_the_token_too(collector: Collector) -> None:
    assert call(collector.url, "POST", "/v1/refresh").status == 401


@pytest.mark.parametrize(
    "question",
    [
        b"",
        b"not json",
        b"[" * 50_000,
        [],
        {},
        {"query": 5},
        {"query": "select 1", "parameters": "x"},
        {"query": "select 1", "parameters": [{"shell": "ls"}]},
        {"query": "select 1", "max_rows": -1},
        {"query": "select 1", "max_rows": "many"},
        {"query": "select 1", "timeout_s": 0},
        {"query": "select 1", "timeout_s": 1e9},
        {"query": "drop table spans"},
        {"query": "select * from read_csv('/etc/passwd')"},
        {"query": "select ?", "parameters": []},
    ],
)
def test_a_question_that_is_wrong_is_answered_with_why(
    question: Any, collector: Collector, token: str
) -> None:
    answer = ask(collector, token, question)

    assert answer.status == 400
    assert len(answer.json()["error"]) > 10


def test_health_is_told_to_anybody(collector: Collector) -> None:
    assert call(collector.url, "GET", "/healthz").json()["pid"] == os.getpid()
    assert call(collector.url, "GET", "/readyz").json() == {"status": "ok"}


def test_a_collector_that_cannot_store_is_not_ready(
    collector: Collector, token: str, tmp_path: Path
) -> None:
    (tmp_path / "deadletter").write_text("a file where the folder should be")
    SegmentWriter(tmp_path / "spool", now_ns=lambda: 1, pid=1).append(b"poison")

    call(collector.url, "POST", "/v1/refresh", b"{}", Authorization=f"Bearer {token}")
    answer = call(collector.url, "GET", "/readyz")

    assert answer.status == 503
    assert "cannot put aside" in answer.json()["error"]


def test_the_figures_of_ingestion_add_up(collector: Collector, token: str) -> None:
    send(collector.url, request(span(1), span(2)))
    send(collector.url, request(span(2), span(3), span(4, trace_id=bytes(16))))
    send(collector.url, b"\xff")

    call(collector.url, "POST", "/v1/refresh", b"{}", Authorization=f"Bearer {token}")
    status = call(collector.url, "GET", "/status").json()

    assert status["received"] == 4
    assert (status["stored"], status["duplicates"]) == (3, 1)
    assert status["rejected"] == {"id": 1}
    assert status["refused_requests"] == {"400": 1}
    assert (status["dead_letters"], status["damaged_frames"], status["lag_bytes"]) == (0, 0, 0)
    assert status["error"] is None


def test_no_answer_carries_the_token(collector: Collector, token: str) -> None:
    for path in ("/healthz", "/readyz", "/status", "/nowhere"):
        assert token.encode() not in call(collector.url, "GET", path).body


async def told(request: Request) -> Response:
    """Answer everything: stands for what is behind the door."""
    return Response(b"told")


def status_of(method: str, path: str, token: str | None) -> int:
    """Ask an app that others can reach, without a server."""
    names = ("refresh", "admin", "healthz", "readyz", "status", "metrics")
    routes: Any = SimpleNamespace(**dict.fromkeys(names, told))
    receiver: Any = SimpleNamespace(
        traces=told, logs=told, metrics=told, stranger=lambda _: Response(status_code=401)
    )
    queries: Any = SimpleNamespace(sql=told, metrics=told)
    app = make_app(routes, queries, receiver, Access(Secret("right"), is_guarded=True))
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": headers,
        "query_string": b"",
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send_message(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send_message))
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/traces"),
        ("POST", "/v1/sql"),
        ("POST", "/v1/refresh"),
        ("GET", "/status"),
        ("GET", "/metrics"),
    ],
)
def test_where_others_can_reach_it_the_token_is_asked_for(method: str, path: str) -> None:
    assert status_of(method, path, None) == 401
    assert status_of(method, path, "wrong") == 401
    assert status_of(method, path, "right") == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_where_others_can_reach_it_health_is_still_told(path: str) -> None:
    assert status_of("GET", path, None) == 200
