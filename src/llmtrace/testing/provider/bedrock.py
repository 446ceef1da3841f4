"""Amazon Bedrock: Converse, InvokeModel and their streams; request → prompt, turn → body or frames.

Shapes follow recorded traffic and docs.aws.amazon.com/bedrock/latest/APIReference. InvokeModel
answers in the format that the request is in: Anthropic's, Nova's or Llama's. Pure functions.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from llmtrace.testing.provider import anthropic
from llmtrace.testing.provider.events import (
    Event,
    JsonObject,
    as_list,
    as_object,
    as_text,
    encode_json,
    text_pieces,
)
from llmtrace.testing.provider.metering import ANTHROPIC_1H_S, count_tokens
from llmtrace.testing.provider.records import (
    Answer,
    Counts,
    Dialect,
    Headroom,
    Prompt,
    Segment,
    Tool,
    Turn,
    Vendor,
)
from llmtrace.wire.aws_eventstream import CONTENT_TYPE, EXCEPTION, encode_chunk, encode_message

if TYPE_CHECKING:
    from llmtrace.testing.provider.server import Received

_ERRORS = {
    400: ("ValidationException", "The request is not valid."),
    401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
    403: ("AccessDeniedException", "You don't have access to the model with the given model ID."),
    404: ("ResourceNotFoundException", "Could not resolve the foundation model: {model}"),
    408: ("ModelTimeoutException", "The model took too long to answer."),
    424: ("ModelErrorException", "The model returned an error."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    500: ("InternalServerException", "The system encountered an unexpected error."),
    503: ("ServiceUnavailableException", "Bedrock is unable to process your request."),
}
_DEFAULT_TTL_S = 300
_LATENCY_MS = 321
_MODEL_PATH = re.compile(r"/model/([^/]+)/")
_CLAUDE = re.compile(r"anthropic\.(claude.*?)(?:-v\d+(?::\d+)?)?$")


def error_body(status: int, model: str, message: str | None, _token: str) -> JsonObject:
    """Return the body of an error answer; its type is in a header (``error_headers``)."""
    _, usual = _error(status)
    return {"message": message if message is not None else usual.format(model=model)}


def error_headers(status: int) -> dict[str, str]:
    """Return the header that names the error."""
    return {"x-amzn-errortype": f"{_error(status)[0]}:http://internal.amazon.com/coral/"}


def _error(status: int) -> tuple[str, str]:
    return _ERRORS.get(status) or _ERRORS[500 if status >= 500 else 400]


def response_headers(token: str, _spent_s: float, _headroom: Headroom) -> dict[str, str]:
    """Return the headers that every answer carries: Bedrock tells no rate limits."""
    request_id = "-".join((token[:8], token[8:12], token[12:16], token[16:20], token[20:32]))
    return {"x-amzn-requestid": request_id}


VENDOR = Vendor(error=error_body, headers=response_headers, error_headers=error_headers)


def model_in_path(received: Received) -> str:
    """Return the model id, inference profile or ARN that a request is for."""
    found = _MODEL_PATH.search(received.path)
    return unquote(found[1]) if found else ""


def find_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what Converse answers 400 to; None if there is nothing."""
    if not as_list(request.get("messages")):
        return "messages", "The conversation must contain at least one message."
    return None


def read_prompt(request: JsonObject) -> Prompt:
    """Reduce a request to what decides the answer and its token counts."""
    messages = [as_object(message) for message in as_list(request.get("messages"))]
    specs = [
        as_object(as_object(tool).get("toolSpec"))
        for tool in as_list(as_object(request.get("toolConfig")).get("tools"))
    ]
    last = _blocks(messages[-1]) if messages else []
    config = as_object(request.get("inferenceConfig"))
    limit = config.get("maxTokens", config.get("max_new_tokens"))
    user_texts = [
        text
        for message in messages
        if message.get("role") == "user"
        and (text := "\n".join(as_text(b["text"]) for b in _blocks(message) if "text" in b))
    ]
    return Prompt(
        segments=_segments(request, messages),
        user_text=user_texts[-1] if user_texts else "",
        tool_results=tuple(_block_text(block) for block in last if "toolResult" in block),
        tools=tuple(
            Tool(
                name=as_text(spec["name"]),
                parameters=as_object(as_object(spec.get("inputSchema")).get("json")),
            )
            for spec in specs
            if "name" in spec
        ),
        max_tokens=limit if isinstance(limit, int) else None,
    )


def _blocks(message: JsonObject) -> list[JsonObject]:
    return [as_object(block) for block in as_list(message.get("content"))]


def _segments(request: JsonObject, messages: list[JsonObject]) -> tuple[Segment, ...]:
    """Return the prompt block by block; a cache point marks the block before it."""
    blocks = [
        ("tools: ", as_object(tool))
        for tool in as_list(as_object(request.get("toolConfig")).get("tools"))
    ]
    blocks += [("system: ", as_object(block)) for block in as_list(request.get("system"))]
    for message in messages:
        blocks += [(f"{message.get('role')}: ", block) for block in _blocks(message)]
    segments: list[Segment] = []
    for role, block in blocks:
        point = as_object(block.get("cachePoint"))
        if point and segments:
            ttl_s = ANTHROPIC_1H_S if point.get("ttl") == "1h" else _DEFAULT_TTL_S
            segments[-1] = Segment(text=segments[-1].text, cache_ttl_s=ttl_s)
        elif not point:
            segments.append(Segment(text=f"{role}{_block_text(block)}\n"))
    return tuple(segments)


def _block_text(block: JsonObject) -> str:
    if "text" in block:
        return as_text(block["text"])
    if "toolResult" in block:
        inner = as_list(as_object(block["toolResult"]).get("content"))
        return "\n".join(_block_text(as_object(each)) for each in inner)
    return encode_json(block).decode()


def usage_object(counts: Counts) -> JsonObject:
    """Return ``usage``: ``inputTokens`` holds neither cache reads nor cache writes."""
    written = counts.cache_write_5m + counts.cache_write_1h
    details = [
        {"inputTokens": tokens, "ttl": ttl}
        for tokens, ttl in ((counts.cache_write_5m, "5m"), (counts.cache_write_1h, "1h"))
        if tokens
    ]
    return {
        **({"cacheDetails": details} if details else {}),
        "cacheReadInputTokenCount": counts.cache_read,
        "cacheReadInputTokens": counts.cache_read,
        "cacheWriteInputTokenCount": written,
        "cacheWriteInputTokens": written,
        "inputTokens": counts.input_uncached,
        "outputTokens": counts.output_all,
        "serverToolUsage": {},
        "totalTokens": counts.input_all + counts.output_all,
    }


def converse_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a finished answer."""
    return {
        "metrics": {"latencyMs": _LATENCY_MS},
        "output": {"message": {"content": _content(turn), "role": "assistant"}},
        "stopReason": _stop_reason(turn.answers[0]),
        **_tier(turn.request),
        **turn.usage_field(usage_object(turn.counts)),
    }


def converse_events(turn: Turn) -> list[Event]:
    """Return the full event sequence; text blocks have no start event, as at Bedrock."""
    events = [Event({"role": "assistant"}, name="messageStart")]
    for index, block in enumerate(_content(turn)):
        at = {"contentBlockIndex": index}
        if "toolUse" in block:
            called = as_object(block["toolUse"])
            start = {"toolUse": {key: called[key] for key in ("name", "toolUseId")}}
            events.append(Event({**at, "start": start}, name="contentBlockStart"))
            written = encode_json(called["input"]).decode()
            deltas = [
                {"toolUse": {"input": written[i : i + 10]}} for i in range(0, len(written), 10)
            ]
        else:
            deltas = [{"text": piece} for piece in text_pieces(as_text(block["text"]))]
        events += [Event({**at, "delta": delta}, name="contentBlockDelta") for delta in deltas]
        events.append(Event(at, name="contentBlockStop"))
    told = {
        **turn.usage_field(usage_object(turn.counts)),
        "metrics": {"latencyMs": _LATENCY_MS},
        **_tier(turn.request),
    }
    stop = {"stopReason": _stop_reason(turn.answers[0])}
    return [*events, Event(stop, name="messageStop"), Event(told, name="metadata")]


def encode_frame(event: Event) -> bytes:
    """Frame one event of Converse; one named with ``EXCEPTION`` ends a stream."""
    name = event.name or ""
    data = event.data.encode() if isinstance(event.data, str) else encode_json(event.data)
    if name.startswith(EXCEPTION):
        return encode_message(name.removeprefix(EXCEPTION), data, is_exception=True)
    return encode_message(name, data)


def encode_invoked(event: Event) -> bytes:
    """Frame one event of a model's own stream, in a ``chunk``."""
    if (event.name or "").startswith(EXCEPTION):
        return encode_frame(event)
    return encode_chunk(
        event.data.encode() if isinstance(event.data, str) else encode_json(event.data)
    )


def count_body(request: JsonObject) -> JsonObject:
    """Answer CountTokens for Converse: all input, cached or not."""
    asked = as_object(as_object(request.get("input")).get("converse"))
    return {"inputTokens": count_tokens("".join(s.text for s in read_prompt(asked).segments))}


def _content(turn: Turn) -> list[JsonObject]:
    answer = turn.answers[0]
    blocks: list[JsonObject] = []
    if answer.text or answer.refusal or not answer.tool_calls:
        blocks.append({"text": answer.refusal or answer.text})
    for at, call in enumerate(answer.tool_calls):
        arguments = anthropic.parse_arguments(call.arguments)
        used = {
            "input": arguments,
            "name": call.name,
            "toolUseId": f"tooluse_{turn.token[:20]}{at}",
        }
        blocks.append({"toolUse": used})
    return blocks


def _stop_reason(answer: Answer) -> str:
    if answer.refusal is not None:
        return "guardrail_intervened"
    if answer.is_truncated:
        return "max_tokens"
    return "tool_use" if answer.tool_calls else "end_turn"


def _tier(request: JsonObject) -> JsonObject:
    asked = as_object(request.get("serviceTier"))
    return {"serviceTier": asked} if asked else {}


def _find_invoke_problem(request: JsonObject) -> tuple[str, str] | None:
    if "prompt" in request:
        return None
    if "anthropic_version" in request and not isinstance(request.get("max_tokens"), int):
        return "max_tokens", "max_tokens: Field required"
    return find_problem(request)


def _read_invoked(request: JsonObject) -> Prompt:
    if "anthropic_version" in request:
        return anthropic.read_prompt(request)
    if "prompt" not in request:
        return read_prompt(request)
    limit = request.get("max_gen_len")
    return Prompt(
        segments=(Segment(text=as_text(request["prompt"])),),
        user_text=as_text(request["prompt"]),
        max_tokens=limit if isinstance(limit, int) else None,
    )


def _invoked_body(turn: Turn) -> JsonObject:
    if "anthropic_version" in turn.request:
        return anthropic.message_body(_as_claude(turn))
    if "prompt" not in turn.request:
        return converse_body(turn) | turn.usage_field(_nova_usage(turn.counts))
    return _llama(turn, turn.answers[0].text, "stop")


def _invoked_events(turn: Turn) -> list[Event]:
    if "anthropic_version" in turn.request:
        events = [Event(event.data) for event in anthropic.message_events(_as_claude(turn))]
    elif "prompt" not in turn.request:
        events = [Event({event.name: event.data}) for event in converse_events(turn)]
    else:
        texts = text_pieces(turn.answers[0].text)
        events = [Event(_llama(turn, text, None)) for text in texts[:-1]]
        events.append(Event(_llama(turn, texts[-1] if texts else "", "stop")))
    if not isinstance(turn.usage, dict) and turn.usage_field({}):
        events[-1] = Event({**as_object(events[-1].data), **_metrics(turn.counts)})
    return events


def _as_claude(turn: Turn) -> Turn:
    """Return the turn with the model named as Claude names itself there."""
    found = _CLAUDE.search(turn.model)
    return replace(turn, model=found[1]) if found else turn


def _nova_usage(counts: Counts) -> JsonObject:
    return {
        "inputTokens": counts.input_uncached,
        "outputTokens": counts.output_all,
        "totalTokens": counts.input_all + counts.output_all,
        "cacheReadInputTokenCount": counts.cache_read,
        "cacheWriteInputTokenCount": counts.cache_write_5m + counts.cache_write_1h,
    }


def _llama(turn: Turn, text: str, reason: str | None) -> JsonObject:
    return {
        "generation": text,
        "prompt_token_count": turn.counts.input_all,
        "generation_token_count": turn.counts.output_all,
        "stop_reason": reason,
    }


def _metrics(counts: Counts) -> JsonObject:
    told = {
        "inputTokenCount": counts.input_uncached,
        "outputTokenCount": counts.output_all,
        "invocationLatency": _LATENCY_MS,
        "firstByteLatency": _LATENCY_MS // 2,
        "cacheReadInputTokenCount": counts.cache_read,
        "cacheWriteInputTokenCount": counts.cache_write_5m + counts.cache_write_1h,
    }
    return {"amazon-bedrock-invocationMetrics": told}


def _is_streamed(received: Received) -> bool:
    return received.path.endswith("-stream")


CONVERSE = Dialect(
    name="converse",
    problem=find_problem,
    read=read_prompt,
    body=converse_body,
    events=converse_events,
    is_stream=_is_streamed,
    model=model_in_path,
    caching="marked",
    encode=encode_frame,
    stream_type=CONTENT_TYPE,
)
INVOKE = replace(
    CONVERSE,
    name="invoke",
    problem=_find_invoke_problem,
    read=_read_invoked,
    body=_invoked_body,
    events=_invoked_events,
    encode=encode_invoked,
)
