"""A framework's own account of a call, in the shape of OpenAI's chat."""

from __future__ import annotations

import pytest

from llmtrace import semconv, wire

API = semconv.API_FRAMEWORK
ANSWER = {
    "id": "r1",
    "model": "m-2",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}
    ],
    "usage": {"input_tokens": 3, "output_tokens": 2},
    "cache": "langchain",
}


def test_the_answer_is_read_with_the_frameworks_usage_as_it_is() -> None:
    fields = wire.response_fields(API, ANSWER)

    assert (fields.id, fields.model, fields.finish_reasons) == ("r1", "m-2", ("stop",))
    assert fields.usage == ANSWER["usage"]


def test_messages_are_read_as_openais() -> None:
    (message,) = wire.output_messages(API, ANSWER)

    assert message.parts == ({"type": "text", "content": "Hi."},)


def test_there_is_no_stream_of_it() -> None:
    assert wire.merge_stream(API, b"data: {}\n\n").body == {}
    with pytest.raises(ValueError, match="framework"):
        wire.synthesize_stream(API, ANSWER, include_usage=True)
