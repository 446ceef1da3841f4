"""Nothing that a server or an application sends makes a wire function raise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmtrace import wire
from tests.wire.recorded import needs_recordings, streams

_APIS = sorted(wire.SUPPORTED_APIS)
_BOUNDED = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# names that the code looks at, so that values of a wrong type land where it reads
_NAMES = st.sampled_from(
    [
        "id",
        "object",
        "model",
        "choices",
        "delta",
        "message",
        "role",
        "content",
        "refusal",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "index",
        "usage",
        "error",
        "type",
        "text",
        "response",
        "output",
        "item",
        "status",
        "summary",
        "part",
        "output_index",
        "input",
        "content_block",
        "partial_json",
        "citation",
        "signature",
        "thinking",
        "stop_reason",
        "data",
        "embedding",
        "messages",
        "system",
        "tools",
        "finish_reason",
        "logprobs",
        "x_groq",
        "candidates",
        "parts",
        "usageMetadata",
        "functionCall",
        "partialArgs",
        "willContinue",
        "promptFeedback",
        "contents",
        "steps",
        "step",
        "event_type",
        "interaction",
        "predictions",
        "embeddings",
        "instances",
        "code",
        "instructions",
        "source",
        "image_url",
        "custom",
    ]
)
_KINDS = st.sampled_from(
    [
        "text",
        "thinking",
        "tool_use",
        "message",
        "function_call",
        "reasoning",
        "image_url",
        "input_audio",
        "file",
        "tool_result",
        "message_start",
        "message_delta",
        "content_block_start",
        "content_block_delta",
        "message_stop",
        "error",
        "response.created",
        "response.completed",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
        "input_json_delta",
        "response.content_part.added",
        "response.output_text.annotation.added",
        "text_delta",
    ]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _KINDS
_JSON = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_NAMES | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=25,
)


def _read_everything(api: str, body: object) -> None:
    wire.request_fields(api, body)
    wire.response_fields(api, body)
    wire.input_messages(api, body)
    wire.output_messages(api, body)
    wire.tool_definitions(api, body)
    wire.strip_vectors(api, body)


@pytest.mark.parametrize("api", _APIS)
@_BOUNDED
@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_never_raise(api: str, data: bytes) -> None:
    merged = wire.merge_stream(api, data)

    _read_everything(api, merged.body)
    wire.strip_vectors_json(api, data)

    assert merged.body is not None


@pytest.mark.parametrize("api", _APIS)
@_BOUNDED
@given(body=_JSON)
def test_arbitrary_json_never_raises(api: str, body: object) -> None:
    _read_everything(api, body)

    assert isinstance(wire.response_fields(api, body).output_text_chars, int)


@pytest.mark.parametrize("api", _APIS)
@_BOUNDED
@given(events=st.lists(_JSON, max_size=6), name=_KINDS)
def test_arbitrary_events_never_raise(api: str, events: list[object], name: str) -> None:
    data = b"".join(
        b"event: " + name.encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n"
        for event in events
    )

    merged = wire.merge_stream(api, data)
    _read_everything(api, merged.body)

    assert isinstance(merged.fields.is_complete, bool)


def _streams(api: str) -> bool:
    try:
        wire.synthesize_stream(api, {}, include_usage=False)
    except ValueError:
        return False
    return True


_STREAMING = [api for api in _APIS if _streams(api)]


@pytest.mark.parametrize("api", _STREAMING)
@_BOUNDED
@given(body=st.dictionaries(_NAMES, _JSON, max_size=8), include_usage=st.booleans())
def test_a_stored_body_of_any_shape_can_be_streamed(
    api: str, body: dict[str, object], *, include_usage: bool
) -> None:
    events = wire.synthesize_stream(api, body, include_usage=include_usage)

    assert isinstance(wire.merge_stream(api, b"".join(events)).body, dict)


@pytest.mark.parametrize("api", _STREAMING)
def test_a_stored_body_may_have_fields_of_any_name(api: str) -> None:
    names = ("name", "kind", "message", "self", "index", "output_index", "type", "data")
    fields: dict[str, object] = dict.fromkeys(names, "x")
    body: dict[str, object] = {**fields, "usage": fields, "error": fields, "outputs": [fields]}

    for each in (body, {**fields, "usage": {}}, {"outputs": [fields]}):
        events = wire.synthesize_stream(api, each, include_usage=True)
        assert isinstance(wire.merge_stream(api, b"".join(events)).body, dict)


@pytest.mark.parametrize("api", _APIS)
@pytest.mark.parametrize("levels", [200, 5_000, 100_000])
def test_deep_nesting_does_not_exhaust_the_stack(api: str, levels: int) -> None:
    deep = b'{"usage":' * levels + b"{}" + b"}" * levels
    data = b"data: " + deep + b"\n\ndata: " + deep + b"\n\n"

    merged = wire.merge_stream(api, data)

    assert merged.body is not None


_BODIES: dict[str, dict[str, Any]] = {
    "openai.chat": {
        "id": "chatcmpl-1",
        "created": 1,
        "model": "gpt-4o",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Grüße ☁",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"a": 1}'},
                        }
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ],
    },
    "openai.completions": {
        "id": "cmpl-1",
        "object": "text_completion",
        "choices": [{"index": 0, "text": "Grüße ☁", "finish_reason": "stop"}],
    },
    "openai.images": {
        "created": 1,
        "data": [{"b64_json": "aGVsbG8="}],
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    },
    "openai.speech": {"usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}},
    "openai.transcription": {
        "text": "Grüße ☁",
        "usage": {"type": "duration", "seconds": 3.5},
    },
    "openai.responses": {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt-4o",
        "output": [
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Grüße ☁", "annotations": []}],
            }
        ],
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    },
    "anthropic.messages": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [
            {"type": "text", "text": "Grüße ☁"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 2},
    },
    "bedrock.agent": {
        "traces": [
            {
                "trace": {
                    "orchestrationTrace": {
                        "modelInvocationOutput": {
                            "metadata": {"usage": {"inputTokens": 1, "outputTokens": 2}}
                        }
                    }
                }
            }
        ],
        "completion": "Grüße ☁",
    },
    "bedrock.converse": {
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {"text": "Grüße ☁"},
                    {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}},
                ],
            }
        },
        "stopReason": "tool_use",
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
        "metrics": {"latencyMs": 4},
    },
    "bedrock.invoke": {
        "output": {"message": {"role": "assistant", "content": [{"text": "Grüße ☁"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
        "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1, "outputTokenCount": 2},
    },
}


@pytest.mark.parametrize("api", [api for api in _STREAMING if api in _BODIES])
def test_a_stream_cut_anywhere_is_read_and_complete_only_if_nothing_is_lost(api: str) -> None:
    whole = b"".join(wire.synthesize_stream(api, _BODIES[api], include_usage=False))
    end = len(whole.rstrip())

    cuts = [wire.merge_stream(api, whole[:at]) for at in range(end)]

    everything = wire.merge_stream(api, whole)
    complete = [(at, merged) for at, merged in enumerate(cuts) if merged.fields.is_complete]
    assert everything.fields.is_complete
    assert [at for at, merged in complete if merged.body != everything.body] == []
    # Anthropic's last count comes before the event that ends its stream; nobody else's does.
    assert complete == [] or api == "anthropic.messages"
    # a last event cut in two is what a cut is, not a fault of the stream
    assert [at for at, merged in enumerate(cuts) if merged.problem] == []


@needs_recordings
def test_recorded_streams_cut_at_any_tenth_are_read() -> None:
    rows = streams("openai", "anthropic", "azure-openai", "mistral", "groq")

    complete = []
    for row in rows:
        data = row["response_body"].encode()
        for tenth in range(1, 10):
            cut = wire.merge_stream(row["api"], data[: len(data) * tenth // 10])
            if cut.fields.is_complete:
                complete.append((row["id"], tenth))

    # a stream whose usage and end came early has lost nothing by losing its last tenth
    assert [item for item in complete if item[1] < 8] == []
