"""Bedrock's InvokeModel: bodies in the format of the model's vendor, by way of AWS.

Whose format a body has is told by the body itself. The model id would not do: an inference profile,
a provisioned or an imported model has an ARN that names no vendor. Each format is read by the
module that reads it elsewhere; only what AWS adds (``amazon-bedrock-…``) is known here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from llmtrace.wire import anthropic_messages, bedrock_converse, bedrock_text, openai_chat
from llmtrace.wire.aws_eventstream import (
    EXCEPTION,
    encode_chunk,
    encode_message,
    looks_like_eventstream,
    parse_eventstream,
    unwrapped_chunks,
)
from llmtrace.wire.bedrock_converse_stream import merge_named
from llmtrace.wire.reading import as_object, as_objects, error_of, parse_json, text_of
from llmtrace.wire.sse import DONE, json_events, looks_like_sse, parse_sse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmtrace.records import Message
    from llmtrace.wire.fields import RequestFields, ResponseFields
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import Merged, SseEvent

METRICS: Final = "amazon-bedrock-invocationMetrics"
"""What Bedrock counted, in the last chunk of any vendor's stream; we keep it in ``usage``."""
_GUARDRAIL: Final = "amazon-bedrock-guardrailAction"
_HEADERS: Final = {
    b"x-amzn-bedrock-input-token-count": "inputTokenCount",
    b"x-amzn-bedrock-output-token-count": "outputTokenCount",
    b"x-amzn-bedrock-cache-read-input-token-count": "cacheReadInputTokenCount",
    b"x-amzn-bedrock-cache-write-input-token-count": "cacheWriteInputTokenCount",
}
_TIER_HEADER: Final = b"x-amzn-bedrock-service-tier"
_LATENCY_HEADER: Final = b"x-amzn-bedrock-performanceconfig-latency"
_MAX_TIER_CHARS: Final = 40
_OUTPUT_COUNTS: Final = ("outputTokens", "output_tokens", "completion_tokens", "tokenCount")
_CONVERSE_EVENTS: Final = frozenset(
    {"messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop"}
    | {"metadata"}
)
_MAX_DIGITS: Final = 18


class _Vendor(Protocol):
    """A module that reads one vendor's bodies."""

    def request_fields(self, body: JsonObject) -> RequestFields: ...
    def response_fields(self, body: JsonObject) -> ResponseFields: ...
    def input_messages(
        self, body: JsonObject
    ) -> tuple[list[Message], list[Mapping[str, object]]]: ...
    def output_messages(self, body: JsonObject) -> list[Message]: ...
    def tool_definitions(self, body: JsonObject) -> list[Mapping[str, object]]: ...


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request."""
    return _vendor_of_request(body).request_fields(body)


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer; ``usage`` is the vendor's, with AWS' metrics of a stream beside it."""
    fields = _vendor_of_response(body).response_fields(body)
    error_type, error_message = error_of(body)
    if error_type is not None and fields.error_type is None:
        fields = replace(fields, error_type=error_type, error_message=error_message)
    metrics = as_object(body.get(METRICS))
    return replace(fields, usage={**(fields.usage or {}), METRICS: metrics}) if metrics else fields


def with_headers(fields: ResponseFields, headers: Iterable[tuple[bytes, bytes]]) -> ResponseFields:
    """Return ``fields`` with what only the headers of an answer say: its tier, maybe its usage.

    Headers count for every vendor; they are used where the body does not say what came out (Titan's
    embeddings, Cohere, an answer that a guardrail replaced), under the names of ``METRICS``.
    """
    told = {name.lower(): value for name, value in headers}
    usage = fields.usage or {}
    if METRICS not in usage and not any(name in usage for name in _OUTPUT_COUNTS):
        counts = {
            name: int(told[header])
            for header, name in _HEADERS.items()
            if told.get(header, b"").isdigit() and len(told[header]) <= _MAX_DIGITS
        }
        usage = {**usage, METRICS: counts} if counts else usage
    tier = fields.service_tier or told.get(_TIER_HEADER, b"").decode("latin-1")[:_MAX_TIER_CHARS]
    if not tier and told.get(_LATENCY_HEADER) == b"optimized":
        tier = "optimized"
    return replace(fields, usage=usage or None, service_tier=tier or None)


def _vendor_of_request(body: JsonObject) -> _Vendor:
    messages = as_objects(body.get("messages"))
    if "anthropic_version" in body and messages:
        return anthropic_messages
    if "inferenceConfig" in body or "schemaVersion" in body or _has_untyped_blocks(messages):
        return bedrock_converse
    return openai_chat if messages else bedrock_text


def _has_untyped_blocks(messages: list[JsonObject]) -> bool:
    """Say whether contents are blocks without ``type``, as Nova's are and nobody else's."""
    blocks = [block for message in messages for block in as_objects(message.get("content"))]
    return bool(blocks) and all("type" not in block for block in blocks)


def _vendor_of_response(body: JsonObject) -> _Vendor:
    if "output" in body or "stopReason" in body:
        return bedrock_converse
    if _is_anthropic(body):
        return anthropic_messages
    choices = as_objects(body.get("choices"))
    return openai_chat if any("message" in choice for choice in choices) else bedrock_text


def _is_anthropic(body: JsonObject) -> bool:
    has_content = isinstance(body.get("content"), list) and "role" in body
    return has_content or text_of(body.get("type")) in {"message", "error"}


def any_events(data: bytes) -> list[SseEvent]:
    """Return the events of a vendor's stream, server-sent or framed by AWS.

    Anthropic's SDK gets the one from Anthropic and the other from Bedrock, for the same call.
    """
    return model_events(data) if looks_like_eventstream(data) else parse_sse(data)


def looks_like_any(data: bytes) -> bool:
    """Say whether ``data`` is a stream, in either framing."""
    return looks_like_eventstream(data) or looks_like_sse(data)


def model_events(data: bytes) -> list[SseEvent]:
    """Return a model's own events out of a framed stream, an exception as Anthropic's ``error``."""
    return [
        (name, payload) if not name.startswith(EXCEPTION) else _error_event(name, payload)
        for name, payload in unwrapped_chunks(parse_eventstream(data))
    ]


def _error_event(name: str, payload: bytes) -> SseEvent:
    told = as_object(parse_json(payload))
    message = text_of(told.get("message")) or text_of(told.get("Message"))
    error = {"type": name.removeprefix(EXCEPTION), "message": message}
    return "error", json.dumps({"type": "error", "error": error}).encode()


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the events of a stream together into the vendor's plain answer."""
    parsed = json_events(events)
    errors = [each for each in parsed.objects if each.get("type") == "error"]
    objects = [each for each in parsed.objects if each.get("type") != "error"]
    merged = _merge(objects)
    for each in objects:
        metrics = as_object(each.get(METRICS))
        if metrics:
            merged.body[METRICS] = metrics
            merged.is_complete = True
            merged.usage_events += 1
        if each.get(_GUARDRAIL) == "INTERVENED":  # the guardrail's words are all there will be
            merged.is_complete = True
    if errors:
        merged.body["error"] = errors[-1].get("error")
        merged.is_complete = False
    merged.problem = merged.problem or parsed.problem
    return merged


def _merge(objects: list[JsonObject]) -> Merged:
    first = as_object(objects[0] if objects else None)
    if isinstance(first.get("type"), str):
        return anthropic_messages.merge_events(_encoded(objects))
    if any(key in _CONVERSE_EVENTS for key in first):
        merged = merge_named(
            [
                (name, as_object(value))
                for each in objects
                for name, value in each.items()
                if name in _CONVERSE_EVENTS
            ]
        )
        _join_texts(merged.body)
        return merged
    if any("delta" in choice for choice in as_objects(first.get("choices"))):
        return openai_chat.merge_events(_encoded(objects))
    return bedrock_text.merge_objects_of_stream(objects)


def _join_texts(body: dict[str, object]) -> None:
    """Make one block of the texts that Nova streams as one block a piece."""
    message = as_object(as_object(body.get("output")).get("message"))
    joined: list[JsonObject] = []
    for block in as_objects(message.get("content")):
        before = joined[-1] if joined else {}
        if set(before) == set(block) == {"text"}:
            joined[-1] = {"text": f"{before['text']}{block['text']}"}
        else:
            joined.append(block)
    if joined:
        body["output"] = {"message": {**message, "content": joined}}


def _encoded(objects: list[JsonObject]) -> list[SseEvent]:
    return [("", json.dumps(each).encode()) for each in objects]


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the conversation sent, and the parts of instructions given apart from it."""
    return _vendor_of_request(body).input_messages(body)


def output_messages(body: JsonObject) -> list[Message]:
    """Return what the model answered."""
    return _vendor_of_response(body).output_messages(body)


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools offered to the model."""
    return _vendor_of_request(body).tool_definitions(body)


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Take an answer apart into the frames of its vendor's stream; usage is always stated."""
    del include_usage
    plain = {key: value for key, value in body.items() if key not in {METRICS, "error"}}
    objects = [as_object(parse_json(payload)) for payload in _plain_events(plain)]
    if METRICS in body and objects:
        objects[-1] = {**objects[-1], METRICS: body[METRICS]}
    frames = [encode_chunk(json.dumps(each, separators=(",", ":")).encode()) for each in objects]
    if error := as_object(body.get("error")):
        name = text_of(error.get("type")) or "internalServerException"
        told = json.dumps({"message": error.get("message")}).encode()
        frames.append(encode_message(name, told, is_exception=True))
    return frames


def _plain_events(body: JsonObject) -> list[bytes]:
    """Return the JSON of each event of the vendor's own stream."""
    if not body:
        return []
    vendor = _vendor_of_response(body)
    if vendor is bedrock_converse:
        frames = b"".join(bedrock_converse.synthesize_stream(body, include_usage=True))
        return [
            json.dumps({name: parse_json(payload)}).encode()
            for name, payload in parse_eventstream(frames)
        ]
    if vendor is bedrock_text:
        return [json.dumps(body).encode()]
    made = anthropic_messages if vendor is anthropic_messages else openai_chat
    events = parse_sse(b"".join(made.synthesize_stream(body, include_usage=True)))
    return [payload for _, payload in events if payload != DONE]
