"""Agents, flows and knowledge bases: three kinds of stream, one body."""

from __future__ import annotations

import base64
import json
from typing import Any

from llmtrace import wire
from llmtrace.wire.aws_eventstream import encode_message

API = "bedrock.agent"


def stream(*events: tuple[str, dict[str, Any]]) -> bytes:
    """Return the frames of these events."""
    return b"".join(encode_message(name, json.dumps(event).encode()) for name, event in events)


def trace(given: int, made: int) -> dict[str, Any]:
    """Return the trace of one model invocation."""
    told = {"metadata": {"usage": {"inputTokens": given, "outputTokens": made}}}
    return {"trace": {"orchestrationTrace": {"modelInvocationOutput": told}}}


def packed(text: str) -> dict[str, Any]:
    """Return a piece of an agent's answer."""
    return {"bytes": base64.b64encode(text.encode()).decode()}


def test_an_agents_answer_is_its_text_and_the_sum_of_what_its_traces_count() -> None:
    merged = wire.merge_stream(
        API,
        stream(
            ("trace", trace(10, 1)),
            ("trace", {"trace": {"orchestrationTrace": {"rationale": {"text": "hm"}}}}),
            ("trace", trace(20, 2)),
            ("chunk", packed("Your ")),
            ("chunk", packed("parcel")),
        ),
    )

    (message,) = wire.output_messages(API, merged.body)
    assert message.parts[0]["content"] == "Your parcel"
    assert merged.fields.usage == {"inputTokens": 30, "outputTokens": 3, "modelInvocations": 2}
    assert merged.fields.is_complete


def test_an_agent_without_traces_states_no_usage() -> None:
    assert wire.merge_stream(API, stream(("chunk", packed("Hi")))).fields.usage is None


def test_a_flow_ends_with_its_completion() -> None:
    out = ("flowOutputEvent", {"nodeName": "n", "content": {"document": "Hi"}})
    end = ("flowCompletionEvent", {"completionReason": "SUCCESS"})

    assert not wire.merge_stream(API, stream(out)).fields.is_complete
    merged = wire.merge_stream(API, stream(out, end))
    assert merged.fields.finish_reasons == ("SUCCESS",)
    assert merged.fields.is_complete
    assert wire.output_messages(API, merged.body)[0].parts[0]["content"] == "Hi"


def test_a_knowledge_bases_answer_is_read_streamed_and_plain() -> None:
    streamed = wire.merge_stream(
        API, stream(("output", {"text": "It "}), ("output", {"text": "is"}))
    )

    assert wire.output_messages(API, streamed.body)[0].parts[0]["content"] == "It is"
    plain = {"output": {"text": "It is"}, "citations": [], "sessionId": "s"}
    assert wire.output_messages(API, plain)[0].parts[0]["content"] == "It is"


def test_an_exception_is_an_error() -> None:
    failure = encode_message("dependencyFailedException", b'{"message":"no"}', is_exception=True)

    fields = wire.merge_stream(API, stream(("chunk", packed("Hi"))) + failure).fields
    assert (fields.error_type, fields.is_complete) == ("dependencyFailedException", False)


def test_a_rerank_is_billed_by_query_and_hundred_documents() -> None:
    def units(documents: int) -> object:
        return wire.usage_of_request(API, {"queries": [{}], "sources": [{}] * documents})

    assert units(1) == units(100) == {"billed_units": {"search_units": 1}}
    assert units(101) == {"billed_units": {"search_units": 2}}
    assert units(0) is None
    assert wire.usage_of_request(API, {"inputText": "Hi"}) is None


def test_what_was_asked_is_a_message() -> None:
    for body in (
        {"inputText": "Hi"},
        {"input": {"text": "Hi"}},
        {"retrievalQuery": {"text": "Hi"}},
        {"inputs": [{"content": {"document": "Hi"}, "nodeName": "n"}]},
    ):
        ((message,), _) = wire.input_messages(API, body)
        assert message.parts == ({"type": "text", "content": "Hi"},)
