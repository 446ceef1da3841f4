"""Batch objects, and the lines of their results."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmtrace.wire.batches import (
    FORMAT,
    holds_results,
    read_batches,
    read_results,
    unix_seconds,
)


def test_a_batch_of_openai_is_read() -> None:
    (batch,) = read_batches(
        {
            "id": "batch_1",
            "object": "batch",
            "endpoint": "/v1/responses",
            "created_at": 1_700_000_000,
            "completed_at": 1_700_000_100,
            "output_file_id": "file-a",
            "error_file_id": None,
        }
    )

    assert (batch.id, batch.api, batch.files) == ("batch_1", "openai.responses", ("file-a",))
    assert (batch.created_unix_s, batch.ended_unix_s) == (1_700_000_000, 1_700_000_100)


def test_a_batch_of_anthropic_is_read() -> None:
    (batch,) = read_batches(
        {
            "id": "msgbatch_1",
            "type": "message_batch",
            "created_at": "2024-09-24T18:37:24.100435Z",
            "ended_at": None,
        }
    )

    assert (batch.id, batch.api, batch.ended_unix_s) == ("msgbatch_1", "anthropic.messages", None)
    assert batch.created_unix_s == pytest.approx(1_727_203_044.100435)


def test_a_list_is_all_its_batches() -> None:
    listed = [{"id": f"b{at}", "object": "batch"} for at in range(3)]

    assert [each.id for each in read_batches({"object": "list", "data": listed})] == [
        "b0",
        "b1",
        "b2",
    ]


@pytest.mark.parametrize("body", [None, [], {"id": "x"}, {"object": "batch"}, {"data": [1]}])
def test_what_is_no_batch_is_none(body: object) -> None:
    assert read_batches(body) == []


def test_sums_of_a_batch_are_no_usage() -> None:
    fields = FORMAT.response_fields({"id": "b", "usage": {"input_tokens": 9}, "status": "done"})

    assert fields.usage is None
    assert fields.finish_reasons == ("done",)


def line(**more: Any) -> bytes:
    return json.dumps({"custom_id": "a", **more}).encode()


def test_an_answer_is_a_result() -> None:
    body = {"object": "chat.completion", "usage": {"prompt_tokens": 1}}
    told = line(id="q", response={"status_code": 200, "request_id": "r", "body": body}, error=None)

    (found,) = read_results(told)

    assert (found.custom_id, found.line_id, found.request_id) == ("a", "q", "r")
    assert (found.api, found.body, found.error_type) == ("openai.chat", body, None)


@pytest.mark.parametrize(
    ("told", "error_type"),
    [
        ({"response": None, "error": {"code": "batch_expired"}}, "batch_expired"),
        ({"response": {"status_code": 429, "body": {"error": {"code": "slow"}}}}, "slow"),
        ({"response": {"status_code": 500, "body": {"a": 1}}}, "500"),
        ({"response": {}}, "invalid_response"),
        (
            {"result": {"type": "errored", "error": {"type": "overloaded_error"}}},
            "overloaded_error",
        ),
        (
            {
                "result": {
                    "type": "errored",
                    "error": {"type": "error", "error": {"type": "invalid_request_error"}},
                }
            },
            "invalid_request_error",
        ),
        ({"result": {"type": "expired"}}, "expired"),
        ({"result": {"type": "succeeded"}}, "invalid_response"),
        ({"result": {}}, "unknown"),
    ],
)
def test_what_was_not_answered_is_an_error(told: dict[str, Any], error_type: str) -> None:
    (found,) = read_results(line(**told))

    assert found.error_type == error_type


def test_lines_that_are_none_are_passed_over() -> None:
    good = line(result={"type": "expired"})
    data = b"\r\n".join([b"", b"null", b'{"custom_id": 3, "result": {}}', good, good[:-3]])

    assert [each.custom_id for each in read_results(data)] == ["a"]


def test_files_of_something_else_hold_no_results() -> None:
    question = line(method="POST", url="/v1/chat/completions", body={})

    assert not holds_results(question)
    assert not holds_results(b"\x00" * 1_000)
    assert not holds_results(b"")
    assert holds_results(line(response=None, error={"code": "x"}) + b"\n" + question)


@pytest.mark.parametrize("value", [None, True, -1, 0, "soon", "", [], 1e30, float("nan")])
def test_a_time_that_is_none_is_nothing(value: object) -> None:
    assert unix_seconds(value) is None
