"""InvokeModel: whose body it is is told by the body; what AWS adds is kept beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmtrace import wire
from llmtrace.wire.aws_eventstream import encode_chunk, encode_message
from llmtrace.wire.bedrock_invoke import METRICS, with_headers
from llmtrace.wire.fields import ResponseFields

API = "bedrock.invoke"
COUNTED = {"inputTokenCount": 1, "outputTokenCount": 2}
CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "Grüße"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 2},
}
NOVA = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Grüße"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
}
GPT = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "openai.gpt-oss-20b-1:0",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Grüße"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}
LLAMA = {
    "generation": "Grüße",
    "prompt_token_count": 1,
    "generation_token_count": 2,
    "stop_reason": "stop",
}


@pytest.mark.parametrize("body", [CLAUDE, NOVA, GPT, LLAMA], ids=["claude", "nova", "gpt", "llama"])
def test_an_answer_is_read_by_the_format_it_is_in(body: dict[str, Any]) -> None:
    fields = wire.response_fields(API, body)
    (message,) = wire.output_messages(API, body)

    assert fields.usage
    assert set(fields.usage.values()) <= {1, 2, 3}
    assert len(fields.finish_reasons) == 1
    assert message.parts[0]["content"] == "Grüße"


@pytest.mark.parametrize("body", [CLAUDE, NOVA, GPT, LLAMA], ids=["claude", "nova", "gpt", "llama"])
def test_a_stream_becomes_the_plain_answer_with_awss_count(body: dict[str, Any]) -> None:
    frames = wire.synthesize_stream(API, {**body, METRICS: COUNTED}, include_usage=False)
    merged = wire.merge_stream(API, b"".join(frames))

    plain = wire.response_fields(API, body)
    assert merged.fields.is_complete
    assert merged.fields.usage == {**(plain.usage or {}), METRICS: COUNTED}
    assert merged.fields.finish_reasons == plain.finish_reasons
    assert wire.output_messages(API, merged.body) == wire.output_messages(API, body)


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        ({"anthropic_version": "b", "max_tokens": 5, "messages": [{"role": "user"}]}, 5),
        ({"messages": [{"content": [{"text": "x"}]}], "inferenceConfig": {"maxTokens": 6}}, 6),
        ({"messages": [{"role": "user", "content": "x"}], "max_completion_tokens": 7}, 7),
        ({"prompt": "x", "max_gen_len": 8}, 8),
        ({"inputText": "x", "textGenerationConfig": {"maxTokenCount": 9}}, 9),
    ],
)
def test_a_request_is_read_by_the_format_it_is_in(body: dict[str, Any], limit: int) -> None:
    assert wire.request_fields(API, body).max_tokens == limit


def test_novas_pieces_are_one_text_though_each_has_an_index_of_its_own() -> None:
    events: list[dict[str, Any]] = [
        {"messageStart": {"role": "assistant"}},
        *(
            {"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": index}}
            for index, text in enumerate(["Lis", "ting"])
        ),
        {"messageStop": {"stopReason": "end_turn"}},
    ]
    merged = wire.merge_stream(API, b"".join(chunk(event) for event in events))

    assert wire.output_messages(API, merged.body)[0].parts == (
        {"type": "text", "content": "Listing"},
    )


def test_an_exception_inside_a_stream_is_the_answers_error() -> None:
    frames = wire.synthesize_stream(API, CLAUDE, include_usage=False)[:3]
    failure = encode_message("modelStreamErrorException", b'{"message":"no"}', is_exception=True)

    for api in (API, "anthropic.messages"):
        merged = wire.merge_stream(api, b"".join(frames) + failure)
        assert merged.fields.error_type == "modelStreamErrorException"
        assert not merged.fields.is_complete


def test_anthropics_own_sdk_gets_the_same_stream_by_way_of_aws() -> None:
    framed = b"".join(wire.synthesize_stream(API, CLAUDE, include_usage=False))
    plain = b"".join(wire.synthesize_stream("anthropic.messages", CLAUDE, include_usage=False))

    read = wire.merge_stream("anthropic.messages", framed)
    assert wire.looks_streamed("anthropic.messages", framed)
    assert read.body == wire.merge_stream("anthropic.messages", plain).body
    assert read.fields.is_complete


def test_a_guardrails_words_are_a_whole_answer() -> None:
    event = {"outputText": "blocked", "inputTextTokenCount": 6}
    guarded = {**event, "amazon-bedrock-guardrailAction": "INTERVENED"}

    assert wire.merge_stream(API, chunk(guarded)).fields.is_complete
    assert not wire.merge_stream(API, chunk(event)).fields.is_complete


HEADERS = [
    (b"X-Amzn-Bedrock-Input-Token-Count", b"1"),
    (b"x-amzn-bedrock-output-token-count", b"2"),
]


def test_headers_count_where_the_body_does_not_say_what_came_out() -> None:
    assert with_headers(ResponseFields(), HEADERS).usage == {METRICS: COUNTED}
    told = ResponseFields(usage={"inputTokens": 1})
    assert with_headers(told, HEADERS).usage == {"inputTokens": 1, METRICS: COUNTED}


def test_a_body_that_counts_needs_no_headers() -> None:
    told = ResponseFields(usage={"input_tokens": 1, "output_tokens": 2})

    assert with_headers(told, HEADERS).usage == told.usage


@pytest.mark.parametrize("value", [b"", b"-1", b"1.5", b"9" * 40, b"many"])
def test_headers_that_are_no_counts_are_left_out(value: bytes) -> None:
    headers = [(b"x-amzn-bedrock-input-token-count", value)]

    assert with_headers(ResponseFields(), headers).usage is None


def test_the_tier_is_in_a_header_too() -> None:
    flex = [(b"x-amzn-bedrock-service-tier", b"flex")]
    optimized = [(b"x-amzn-bedrock-performanceconfig-latency", b"optimized")]

    assert with_headers(ResponseFields(), flex).service_tier == "flex"
    assert with_headers(ResponseFields(), optimized).service_tier == "optimized"
    assert with_headers(ResponseFields(service_tier="priority"), flex).service_tier == "priority"


def chunk(event: dict[str, Any]) -> bytes:
    """Return one frame that holds a model's own event."""
    return encode_chunk(json.dumps(event).encode())
