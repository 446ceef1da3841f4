"""Whose a request is: written by the collector, byte for byte the same where there is nothing."""

from __future__ import annotations

from llmtrace.otlp.decode import decode
from llmtrace.otlp.project import with_project
from tests.otlp.otlp_requests import request, span


def test_a_request_without_a_project_stays_the_bytes_it_was() -> None:
    payload = request(span(1))

    assert with_project(payload, None) is payload


def test_the_project_is_on_every_resource_beside_what_was_there() -> None:
    payload = with_project(request(span(1), resource={"a": 1, "llmtrace.project": "liar"}), "mine")

    assert decode(payload).spans[0].resource == {"llmtrace.project": "mine", "a": 1}


def test_what_a_client_claims_is_taken_away() -> None:
    payload = with_project(request(span(1), resource={"llmtrace.project": "liar"}), None)

    assert decode(payload).spans[0].resource == {}


def test_the_project_comes_before_whatever_else_a_resource_says() -> None:
    many = {f"a{number}": number for number in range(300)}  # more than are taken
    payload = with_project(request(span(1), span(2), resource=many), "mine")

    first, second = decode(payload).spans

    assert first.resource["llmtrace.project"] == "mine"
    assert (first.span_id, second.span_id) == (1, 2)


def test_every_resource_of_a_request_gets_the_project() -> None:
    two = request(span(1), resource={"a": 1}) + request(span(2), resource={"b": 2})

    spans = decode(with_project(two, "mine")).spans

    assert [dict(each.resource) for each in spans] == [
        {"llmtrace.project": "mine", "a": 1},
        {"llmtrace.project": "mine", "b": 2},
    ]


def test_a_request_of_megabytes_stays_whole() -> None:
    payload = request(*(span(number + 1, {"text": "x" * 5_000}) for number in range(500)))

    spans = decode(with_project(payload, "mine")).spans

    assert [each.span_id for each in spans] == list(range(1, 501))
    assert {each.attributes["text"] for each in spans} == {"x" * 5_000}
