"""SQL as JSON, named metrics over HTTP, and what ends a query before its time."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.store.adhoc import Cancellation
from llmtrace.store.confined import ConfinedQueries
from llmtrace.store.remote import ARROW_STREAM
from tests.collector.clients import Answer, call, send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RANGE = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00+00:00"}
ENDLESS = "select count(*) from range(10000000) a, range(10000000) b where a.range % 7 = b.range"


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    settings = load_settings({"LLMTRACE_TOKEN": "t"}, home=tmp_path)
    with Collector(settings, port=0, pricer=leave_unpriced) as running:
        yield running


def ask(collector: Collector, path: str, question: Any, **headers: str) -> Answer:
    body = json.dumps(question).encode()
    return call(collector.url, "POST", path, body, Authorization="Bearer t", **headers)


def test_rows_come_as_json_to_who_accepts_it(collector: Collector) -> None:
    answer = ask(
        collector,
        "/v1/sql",
        {"query": "select 0.10::decimal(18,12) as a, 2::bigint ** 60 > 0 as b, null as c"},
        Accept="application/json",
    )

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["rows"] == [["0.100000000000", True, None]]
    assert [column["name"] for column in answer.json()["columns"]] == ["a", "b", "c"]
    assert answer.json()["truncated"] is False


def test_times_of_any_year_and_precision_come_as_json(collector: Collector) -> None:
    times = "'infinity'::timestamp, date '20000-01-01', make_timestamp_ns(1001)"

    answer = ask(collector, "/v1/sql", {"query": f"select {times}"}, Accept="application/json")

    assert answer.json()["rows"] == [["infinity", "20000-01-01", "1970-01-01 00:00:00.000001001"]]


@pytest.mark.parametrize("value", ["union_value(at := make_timestamp_ns(1001))", "1::uhugeint"])
def test_what_json_cannot_say_is_refused(collector: Collector, value: str) -> None:
    answer = ask(collector, "/v1/sql", {"query": f"select {value} as v"}, Accept="application/json")

    assert answer.status == 400
    assert "column 'v'" in answer.json()["error"]
    assert "cast it to" in answer.json()["error"]


def test_a_constant_is_searched_for_at_once_in_the_process_for_others_too(
    collector: Collector,
) -> None:
    question = {"query": "explain select name ILIKE '%Refund%' from spans"}

    answer = ask(collector, "/v1/sql", question, Accept="application/json")

    assert "contains(" in str(answer.json()["rows"])


def test_rows_that_were_left_off_are_said_to_be(collector: Collector) -> None:
    question = {"query": "select * from range(5)", "max_rows": 2}

    answer = ask(collector, "/v1/sql", question, Accept="application/json").json()

    assert (answer["rows"], answer["truncated"]) == ([[0], [1]], True)


def test_an_answer_over_the_bytes_allowed_is_refused_whole(collector: Collector) -> None:
    question = {"query": "select repeat('x', 1000) from range(1000)", "max_bytes": 100_000}

    answer = ask(collector, "/v1/sql", question)

    assert answer.status == 400
    assert "more than 100000 bytes" in answer.json()["error"]


@pytest.mark.parametrize("wrong", [0, -1, "many", None, 10**12])
def test_a_limit_of_bytes_is_a_number_within_ours(wrong: object, collector: Collector) -> None:
    answer = ask(collector, "/v1/sql", {"query": "select 1", "max_bytes": wrong})

    assert answer.status == 400
    assert "max_bytes" in answer.json()["error"]


def test_a_huge_text_is_made_elsewhere_and_the_collector_goes_on(collector: Collector) -> None:
    question = {"query": "select len(range(500000000))"}

    answer = ask(collector, "/v1/sql", question)

    assert answer.status == 400
    assert "more memory" in answer.json()["error"]
    assert call(collector.url, "GET", "/readyz").status == 200


def test_an_answer_as_json_is_bounded_closer(collector: Collector) -> None:
    question = {"query": "select repeat('x', 1000000) from range(40)"}

    assert ask(collector, "/v1/sql", question).status == 200
    answer = ask(collector, "/v1/sql", question, Accept="application/json")
    assert (answer.status, b"more than 33554432 bytes" in answer.body) == (400, True)


def test_named_metrics_come_as_arrow_to_who_accepts_it(collector: Collector) -> None:
    question = {"measures": ["requests"], **RANGE}

    answer = ask(collector, "/v1/metrics-query", question, Accept=ARROW_STREAM)

    assert answer.headers["content-type"] == ARROW_STREAM
    assert pa.ipc.open_stream(answer.body).read_all().to_pylist() == [{"requests": 0}]


def test_a_query_ends_when_whoever_asked_is_gone(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    watching = Cancellation.watching

    def watched(self: Cancellation, interrupt: Any) -> Any:
        began.set()
        return watching(self, interrupt)

    began = threading.Event()
    sql = ConfinedQueries.sql

    def told(*arguments: Any, **named: Any) -> Any:
        try:
            return sql(*arguments, **named)
        finally:
            ended.set()

    monkeypatch.setattr(Cancellation, "watching", watched)
    monkeypatch.setattr(ConfinedQueries, "sql", told)
    parts = urlsplit(collector.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    question = json.dumps({"query": ENDLESS, "timeout_s": 60})
    connection.request("POST", "/v1/sql", question, {"Authorization": "Bearer t"})
    assert began.wait(20)
    at = time.monotonic()
    connection.close()

    assert ended.wait(20)
    assert time.monotonic() - at < 15


def test_named_metrics_are_answered_as_json(collector: Collector) -> None:
    send(collector.url, request(span(1), span(2, status={"code": 2})))
    call(collector.url, "POST", "/v1/refresh", b"{}", Authorization="Bearer t")

    answer = ask(
        collector,
        "/v1/metrics-query",
        {
            "measures": ["requests", "errors", "cost"],
            "by": ["model"],
            "grain": "day",
            "filters": {"provider": ["openai", None]},
            **RANGE,
        },
    ).json()

    names = [column["name"] for column in answer["columns"]]
    assert names == ["time", "model", "requests", "errors", "cost", "unpriced_count"]
    assert answer["rows"][0][:5] == ["2026-01-01T00:00:00Z", "gpt-5", 2, 1, None]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({}, '"start" is a time'),
        ({"measures": ["requests"], **RANGE, "color": 1}, "unknown field 'color'"),
        ({"measures": "requests", **RANGE}, '"measures" is a list of names'),
        ({"measures": ["request"], **RANGE}, "did you mean 'requests'?"),
        ({"measures": ["requests"], **RANGE, "grain": "fortnight"}, "unknown grain 'fortnight'"),
        ({"measures": ["requests"], **RANGE, "grain": 5}, '"grain" is a text'),
        ({"measures": ["requests"], **RANGE, "by": ["color"]}, "unknown dimension 'color'"),
        ({"measures": ["requests"], **RANGE, "filters": {"model": "x"}}, "'model' has a list"),
        ({"measures": ["requests"], **RANGE, "filters": []}, '"filters" is an object'),
        ({"measures": ["requests"], **RANGE, "limit": True}, '"limit" is a whole number'),
        ({"measures": ["requests"], **RANGE, "end": "2025-01-01T00:00:00"}, "no time zone"),
    ],
)
def test_a_wrong_question_is_answered_with_why(
    question: Any, said: str, collector: Collector
) -> None:
    answer = ask(collector, "/v1/metrics-query", question)

    assert answer.status == 400
    assert said in answer.json()["error"]


def test_how_questions_end_is_counted(collector: Collector) -> None:
    for query in ("select 1", "select 2", "drop table spans"):
        ask(collector, "/v1/sql", {"query": query})

    told = call(collector.url, "GET", "/metrics").body.decode()

    assert 'llmtrace_questions_total{outcome="answered"} 2' in told
    assert 'llmtrace_questions_total{outcome="refused"} 1' in told


def test_metrics_are_told_with_the_token_only(collector: Collector) -> None:
    assert call(collector.url, "POST", "/v1/metrics-query", b"{}").status == 401
