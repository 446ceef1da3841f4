"""Models with a format of their own: one reader for many names."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.wire import bedrock_text

TITAN = {
    "inputTextTokenCount": 5,
    "results": [{"tokenCount": 10, "outputText": "Hi", "completionReason": "LENGTH"}],
}
BODIES: list[tuple[dict[str, Any], str, str]] = [
    (TITAN, "Hi", "LENGTH"),
    ({"generation": "Hi", "stop_reason": "stop"}, "Hi", "stop"),
    ({"outputs": [{"text": "Hi", "stop_reason": "length"}]}, "Hi", "length"),
    ({"generations": [{"text": "Hi", "finish_reason": "COMPLETE"}]}, "Hi", "COMPLETE"),
    ({"completions": [{"data": {"text": "Hi"}, "finishReason": {"reason": "stop"}}]}, "Hi", "stop"),
    ({"choices": [{"text": "Hi", "stop_reason": "stop"}]}, "Hi", "stop"),
    ({"completion": "Hi", "stop_reason": "stop_sequence"}, "Hi", "stop_sequence"),
    ({"text": "Hi", "finish_reason": "COMPLETE"}, "Hi", "COMPLETE"),
]


@pytest.mark.parametrize(("body", "text", "reason"), BODIES)
def test_the_text_and_the_reason_it_ended_are_found(
    body: dict[str, Any], text: str, reason: str
) -> None:
    (message,) = bedrock_text.output_messages(body)

    assert message.parts == ({"type": "text", "content": text},)
    assert message.finish_reason == reason
    assert bedrock_text.response_fields(body).finish_reasons == (reason,)
    assert bedrock_text.response_fields(body).output_text_chars == 2


def test_titan_counts_every_result() -> None:
    assert bedrock_text.response_fields(TITAN).usage == {"inputTextTokenCount": 5, "tokenCount": 10}


def test_reranks_and_embeddings_have_no_text() -> None:
    for body in ({"results": [{"index": 0, "relevance_score": 0.9}]}, {"embedding": [0.1]}):
        assert bedrock_text.output_messages(body) == []
        assert bedrock_text.response_fields(body).output_text_chars == 0


def test_texts_of_a_stream_are_joined_and_counts_overwrite() -> None:
    merged = bedrock_text.merge_objects_of_stream(
        [
            {"generation": "He", "prompt_token_count": 5, "generation_token_count": 1},
            {"generation": "llo", "prompt_token_count": None, "generation_token_count": 2},
            {"generation": "", "stop_reason": "stop", "generation_token_count": 3},
        ]
    )

    assert merged.body["generation"] == "Hello"
    assert merged.body["generation_token_count"] == 3
    assert merged.body["prompt_token_count"] == 5
    assert merged.is_complete


def test_lists_of_a_stream_are_joined_item_by_item() -> None:
    merged = bedrock_text.merge_objects_of_stream(
        [
            {"outputs": [{"text": "He", "stop_reason": None}]},
            {"outputs": [{"text": "llo", "stop_reason": "stop"}]},
        ]
    )

    assert merged.body == {"outputs": [{"text": "Hello", "stop_reason": "stop"}]}
    assert merged.is_complete


def test_a_prompt_is_a_message_and_texts_to_embed_are_its_parts() -> None:
    ((prompt,), _) = bedrock_text.input_messages({"inputText": "Hi"})
    ((texts,), _) = bedrock_text.input_messages({"texts": ["a", "b"]})

    assert prompt.parts == ({"type": "text", "content": "Hi"},)
    assert [part["content"] for part in texts.parts] == ["a", "b"]
    assert bedrock_text.input_messages({}) == ([], [])
