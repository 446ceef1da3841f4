"""Anthropic's ``POST /v1/messages``: request → prompt, turn → body or stream; errors, headers.

Shapes follow https://docs.anthropic.com/en/api/messages and recorded traffic. Pure functions.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from collections.abc import Iterator

SNAPSHOTS = {
    "claude-3-5-haiku-latest": "claude-3-5-haiku-20241022",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-opus-4-1": "claude-opus-4-1-20250805",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    "claude-sonnet-4-0": "claude-sonnet-4-20250514",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
}
_ERRORS = {
    400: ("invalid_request_error", "The request body is not valid."),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "Your API key does not have permission to use this resource."),
    404: ("not_found_error", "model: {model}"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your rate limit. Please try later."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}
_ANTHROPIC_5M_S = 300
_PLACEHOLDER_OUTPUT_TOKENS = 1
"""What ``message_start`` says; only the ``message_delta`` has the real count."""


def error_body(status: int, model: str, message: str | None, token: str) -> JsonObject:
    """Return the body of an error answer; ``message`` None gives the usual one for ``status``."""
    kind, usual = _ERRORS.get(status) or _ERRORS[500 if status >= 500 else 400]
    text = message if message is not None else usual.format(model=model)
    error = {"type": kind, "message": text}
    return {"type": "error", "error": error, "request_id": _request_id(token)}


def response_headers(token: str, _spent_s: float, headroom: Headroom) -> dict[str, str]:
    """Return the headers that every answer carries; output gets a fifth of the token limit."""
    start = datetime.fromtimestamp(headroom.now_unix, UTC)
    tokens = (headroom.limit_tokens, headroom.remaining_tokens, headroom.reset_tokens_s)
    output = (tokens[0] // 5, tokens[1] // 5, tokens[2])
    buckets = {
        "requests": (
            headroom.limit_requests,
            headroom.remaining_requests,
            headroom.reset_requests_s,
        ),
        "tokens": (tokens[0] + output[0], tokens[1] + output[1], tokens[2]),
        "input-tokens": tokens,
        "output-tokens": output,
    }
    headers = {"request-id": _request_id(token), "anthropic-organization-id": "local"}
    for name, (limit, remaining, reset_s) in buckets.items():
        reset = (start + timedelta(seconds=reset_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        prefix = f"anthropic-ratelimit-{name}"
        headers |= {f"{prefix}-limit": str(limit), f"{prefix}-remaining": str(remaining)}
        headers[f"{prefix}-reset"] = reset
    return headers


VENDOR = Vendor(error=error_body, headers=response_headers, snapshots=SNAPSHOTS)


def find_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what Anthropic answers 400 to; None if there is nothing."""
    for name, kind in (("model", str), ("max_tokens", int), ("messages", list)):
        if not isinstance(request.get(name), kind):
            return name, f"{name}: Field required"
    if not request["messages"]:
        return "messages", "messages: at least one message is required"
    return None


def read_prompt(request: JsonObject) -> Prompt:
    """Reduce a request to what decides the answer and its token counts."""
    messages = [as_object(message) for message in as_list(request.get("messages"))]
    tools = [
        Tool(name=as_text(tool["name"]), parameters=as_object(tool.get("input_schema")))
        for tool in map(as_object, as_list(request.get("tools")))
        if "name" in tool and "input_schema" in tool
    ]
    choice = as_object(request.get("tool_choice"))
    named = choice.get("name")
    allowed = [tool for tool in tools if named in (None, tool.name)]
    last = _blocks(messages[-1].get("content")) if messages else []
    thinking = as_object(request.get("thinking")).get("type")
    limit = request.get("max_tokens")
    return Prompt(
        segments=_segments(request, messages),
        user_text=_last_user_text(messages),
        tool_results=tuple(
            _block_text(block) for block in last if block.get("type") == "tool_result"
        ),
        tools=() if choice.get("type") == "none" else tuple(allowed),
        is_parallel=choice.get("disable_parallel_tool_use") is not True,
        schema=_schema(request),
        max_tokens=limit if isinstance(limit, int) else None,
        wants_reasoning=thinking in ("enabled", "adaptive"),
    )


def usage_object(turn: Turn, output_tokens: int) -> JsonObject:
    """Return ``usage``: ``input_tokens`` holds neither cache reads nor cache writes."""
    counts = turn.counts
    usage: JsonObject = {
        "input_tokens": counts.input_uncached,
        "cache_creation_input_tokens": counts.cache_write_5m + counts.cache_write_1h,
        "cache_read_input_tokens": counts.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.cache_write_5m,
            "ephemeral_1h_input_tokens": counts.cache_write_1h,
        },
        "output_tokens": output_tokens,
        "service_tier": _tier(turn.request),
    }
    return usage | _thinking_details(counts)


def message_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a finished message."""
    return _message(turn) | {
        "content": _content(turn),
        "stop_reason": _stop_reason(turn.answers[0]),
        **turn.usage_field(usage_object(turn, turn.counts.output_all)),
    }


def message_events(turn: Turn) -> list[Event]:
    """Return the full event sequence, with a ``ping`` after the first block has begun."""
    begun = _message(turn) | turn.usage_field(usage_object(turn, _PLACEHOLDER_OUTPUT_TOKENS))
    objects: list[JsonObject] = [{"type": "message_start", "message": begun}]
    for index, block in enumerate(_content(turn)):
        block_events = list(_block_events(index, block))
        objects += [block_events[0], {"type": "ping"}] if index == 0 else block_events[:1]
        objects += block_events[1:]
    counts = turn.counts
    delta_usage: JsonObject = {
        "input_tokens": counts.input_uncached,
        "cache_creation_input_tokens": counts.cache_write_5m + counts.cache_write_1h,
        "cache_read_input_tokens": counts.cache_read,
        "output_tokens": counts.output_all,
        **_thinking_details(counts),
    }
    delta = {"stop_reason": _stop_reason(turn.answers[0]), "stop_sequence": None}
    objects += [
        {"type": "message_delta", "delta": delta, **turn.usage_field(delta_usage)},
        {"type": "message_stop"},
    ]
    return [Event(each, name=str(each["type"])) for each in objects]


def count_body(request: JsonObject) -> JsonObject:
    """Answer ``count_tokens``: all input, cached or not."""
    text = "".join(segment.text for segment in read_prompt(request).segments)
    return {"input_tokens": count_tokens(text)}


def models_body() -> JsonObject:
    """List the dated models; any other name is accepted too."""
    names = sorted(SNAPSHOTS.values())
    data = [
        {
            "type": "model",
            "id": name,
            "display_name": name.rsplit("-", 1)[0].replace("-", " ").title(),
            "created_at": f"{name[-8:-4]}-{name[-4:-2]}-{name[-2:]}T00:00:00Z",
        }
        for name in names
    ]
    return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}


def _request_id(token: str) -> str:
    return f"req_{token[:24]}"


def _tier(request: JsonObject) -> str:
    """Anthropic says which tier it used: no priority capacity is bought here."""
    asked = request.get("service_tier")
    return asked if asked in ("priority", "batch") else "standard"


def _thinking_details(counts: Counts) -> JsonObject:
    if not counts.reasoning:
        return {}
    return {"output_tokens_details": {"thinking_tokens": counts.reasoning}}


def _message(turn: Turn) -> JsonObject:
    return {
        "id": f"msg_{turn.token[:24]}",
        "type": "message",
        "role": "assistant",
        "model": turn.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _content(turn: Turn) -> list[JsonObject]:
    answer = turn.answers[0]
    blocks: list[JsonObject] = []
    if answer.reasoning:
        signature = base64.b64encode(f"local:{turn.token}".encode()).decode()
        blocks.append({"type": "thinking", "thinking": answer.reasoning, "signature": signature})
    if answer.text or answer.refusal or not answer.tool_calls:
        blocks.append({"type": "text", "text": answer.refusal or answer.text})
    blocks += [
        {
            "type": "tool_use",
            "id": f"toolu_{turn.token[:22]}{at:02d}",
            "name": call.name,
            "input": parse_arguments(call.arguments),
        }
        for at, call in enumerate(answer.tool_calls)
    ]
    return blocks


def parse_arguments(arguments: str) -> JsonObject:
    """Return a tool call's arguments as an object; text that is not JSON comes back wrapped."""
    try:
        return as_object(json.loads(arguments))
    except ValueError:
        return {"INVALID_JSON": arguments}


def _stop_reason(answer: Answer) -> str:
    if answer.refusal is not None:
        return "refusal"
    if answer.is_truncated:
        return "max_tokens"
    return "tool_use" if answer.tool_calls else "end_turn"


def _block_events(index: int, block: JsonObject) -> Iterator[JsonObject]:
    """Yield what a stream sends for one content block, from start to stop."""
    empty: JsonObject
    if block["type"] == "text":
        empty, deltas = {"text": ""}, _deltas("text_delta", "text", block["text"])
    elif block["type"] == "thinking":
        empty = {"thinking": "", "signature": ""}
        deltas = _deltas("thinking_delta", "thinking", block["thinking"])
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    else:
        empty = {"input": {}}
        deltas = _input_deltas(block["input"])
    yield {"type": "content_block_start", "index": index, "content_block": block | empty}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _deltas(kind: str, field: str, text: object) -> list[JsonObject]:
    return [{"type": kind, field: piece} for piece in text_pieces(as_text(text))]


def _input_deltas(value: object) -> list[JsonObject]:
    """Anthropic's first piece of a tool's input is empty; then JSON text in pieces."""
    text = encode_json(value).decode()
    pieces = [text[at : at + 10] for at in range(0, len(text), 10)]
    return [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces)]


def _schema(request: JsonObject) -> JsonObject | None:
    """Return the schema of structured output; older SDKs sent ``output_format`` at the top."""
    wanted = as_object(request.get("output_config")).get("format") or request.get("output_format")
    schema = as_object(wanted).get("schema")
    return as_object(schema) if schema is not None else None


def _segments(request: JsonObject, messages: list[JsonObject]) -> tuple[Segment, ...]:
    """Return the prompt in Anthropic's order: tools, system, messages, a segment a block."""
    segments = [_segment("", as_object(tool)) for tool in as_list(request.get("tools"))]
    segments += [_segment("system: ", block) for block in _blocks(request.get("system"))]
    for message in messages:
        role = f"{message.get('role')}: "
        segments += [_segment(role, block) for block in _blocks(message.get("content"))]
    if segments and (control := request.get("cache_control")):
        segments[-1] = Segment(text=segments[-1].text, cache_ttl_s=_ttl_s(control))
    return tuple(segments)


def _segment(role: str, block: JsonObject) -> Segment:
    ttl_s = _ttl_s(block.get("cache_control"))
    return Segment(text=f"{role}{_block_text(block)}\n", cache_ttl_s=ttl_s)


def _ttl_s(control: object) -> int | None:
    fields = as_object(control)
    if not fields:
        return None
    return ANTHROPIC_1H_S if fields.get("ttl") == "1h" else _ANTHROPIC_5M_S


def _blocks(content: object) -> list[JsonObject]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [as_object(block) for block in as_list(content)]


def _block_text(block: JsonObject) -> str:
    if block.get("type", "text") == "text" and "text" in block:
        return as_text(block["text"])
    if block.get("type") == "tool_result":
        return "\n".join(_block_text(inner) for inner in _blocks(block.get("content")))
    kept: dict[str, Any] = {key: value for key, value in block.items() if key != "cache_control"}
    return encode_json(kept).decode()


def _last_user_text(messages: list[JsonObject]) -> str:
    for message in reversed(messages):
        texts = [
            as_text(block.get("text"))
            for block in _blocks(message.get("content"))
            if block.get("type") == "text"
        ]
        if message.get("role") == "user" and texts:
            return "\n".join(texts)
    return ""


MESSAGES = Dialect(
    name="messages",
    problem=find_problem,
    read=read_prompt,
    body=message_body,
    events=message_events,
    caching="marked",
)
