"""The HTTP answer that a stored call is served with."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.errors import ReplayError
from llmtrace.replay.served import ServedAnswer, ServedFailure, api_of, serve
from llmtrace.replay.stored import stored_call
from tests.replay.rows import CHAT, row

_ANSWER = {
    "id": "x",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 1},
}


def _serve(response: Any, request: Any = CHAT, **more: Any) -> ServedAnswer:
    served = serve(stored_call(row("openai.chat", CHAT, response, **more)), request)
    assert isinstance(served, ServedAnswer)
    return served


@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/v1/chat/completions", "openai.chat"),
        ("/openai/deployments/d/chat/completions", "openai.chat"),
        ("/v1/responses", "openai.responses"),
        ("/v1/embeddings", "openai.embeddings"),
        ("/v1/messages", "anthropic.messages"),
        ("/v1/messages/count_tokens", None),
        ("/v1/responses/resp_1", None),
        ("/v1/models", None),
    ],
)
def test_the_api_is_told_by_the_path(path: str, api: str | None) -> None:
    assert api_of("POST", path) == api
    assert api_of("GET", path) is None


def test_a_body_is_served_as_json() -> None:
    served = _serve(_ANSWER)

    assert served.status == 200
    assert served.headers["content-type"] == "application/json"
    assert b'"id": "x"' in served.content


def test_a_stream_is_served_only_to_who_asks_for_it() -> None:
    served = _serve(_ANSWER, {**CHAT, "stream": True}, is_stream=False)

    assert served.headers["content-type"] == "text/event-stream"
    assert served.content.endswith(b"data: [DONE]\n\n")
    assert b'"usage"' not in served.content


def test_usage_that_was_streamed_unasked_is_streamed_again() -> None:
    served = _serve(_ANSWER, {**CHAT, "stream": True}, is_stream=True)

    assert b'"usage":{"prompt_tokens":1}' in served.content


def test_a_stream_that_broke_off_ends_without_its_end() -> None:
    served = _serve(_ANSWER, {**CHAT, "stream": True}, is_stream=True, stream_outcome="failed")

    assert b"[DONE]" not in served.content


def test_an_error_page_is_served_as_it_was() -> None:
    served = _serve("<html>bad gateway</html>", http_status=502, error_type="InternalServerError")

    assert (served.status, served.content) == (502, b"<html>bad gateway</html>")


def test_a_failure_without_an_answer_is_a_failure_of_the_connection() -> None:
    call = stored_call(row("openai.chat", CHAT, None, error_type="APIConnectionError"))

    served = serve(call, CHAT)

    assert isinstance(served, ServedFailure)
    assert served.kind == "connection"


def test_a_request_id_that_could_break_a_header_is_left_out() -> None:
    served = _serve(_ANSWER, request_id="a\r\nset-cookie: x")

    assert "x-request-id" not in served.headers


def test_a_shortened_answer_is_not_served() -> None:
    call = stored_call(row("openai.chat", CHAT, '{"id": "x', truncated="true"))

    with pytest.raises(ReplayError, match="was shortened"):
        serve(call, CHAT)
