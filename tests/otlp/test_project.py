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
