"""OpenAI's ``POST /v1/chat/completions``: request → prompt, turn → JSON body or stream.

Shapes follow https://platform.openai.com/docs/api-reference/chat and recorded traffic. Pure.
"""

from __future__ import annotations

from itertools import zip_longest

from llmtrace.testing.provider.events import (
    Event,
    JsonObject,
    as_list,
    as_object,
    as_text,
    encode_json,
    text_pieces,
)
from llmtrace.testing.provider.openai import (
    allowed_tools,
    content_text,
    reasoning_tokens,
    service_tier,
)
from llmtrace.testing.provider.records import (
    Answer,
    Counts,
    Dialect,
    Prompt,
    Segment,
    Tool,
    Turn,
    UsageFrom,
)

_MAX_CHOICES = 128


def find_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what OpenAI answers 400 to; None if there is nothing."""
    if not isinstance(request.get("messages"), list):
        return "messages", "Missing required parameter: 'messages'."
    if not request["messages"]:
        return "messages", "Invalid 'messages': empty array. Expected at least one message."
    if not isinstance(request.get("model"), str):
        return "model", "you must provide a model parameter"
    choices = request.get("n")
    if choices is not None and not (isinstance(choices, int) and 1 <= choices <= _MAX_CHOICES):
        return "n", f"Invalid 'n': expected an integer from 1 to {_MAX_CHOICES}."
    return None


def read_prompt(request: JsonObject) -> Prompt:
    """Reduce a request to what decides the answer and its token counts."""
    messages = [as_object(message) for message in as_list(request.get("messages"))]
    tools = _tools(request)
    segments = [Segment(text=encode_json(request["tools"]).decode())] if tools else []
    segments += [Segment(text=_message_text(message)) for message in messages]
    users = [m for m in messages if m.get("role") == "user"]
    response_format = as_object(request.get("response_format"))
    schema = as_object(response_format.get("json_schema")).get("schema")
    if schema is None and response_format.get("type") == "json_object":
        schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    return Prompt(
        segments=tuple(segments),
        user_text=content_text(users[-1].get("content")) if users else "",
        tool_results=_trailing_results(messages),
        tools=allowed_tools(tools, request.get("tool_choice")),
        is_parallel=request.get("parallel_tool_calls") is not False,
        schema=as_object(schema) if schema is not None else None,
        max_tokens=limit if isinstance(limit, int) else None,
        reasoning_tokens=reasoning_tokens(
            as_text(request.get("model")), request.get("reasoning_effort")
        ),
    )


def usage_object(counts: Counts) -> JsonObject:
    """Return ``usage``: cached input inside the prompt tokens, reasoning inside the completion."""
    return {
        "prompt_tokens": counts.input_all,
        "completion_tokens": counts.output_all,
        "total_tokens": counts.input_all + counts.output_all,
        "prompt_tokens_details": {"cached_tokens": counts.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": counts.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def completion_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a plain answer."""
    choices = [
        {
            "index": index,
            "message": _message(turn, index, answer),
            "logprobs": None,
            "finish_reason": _finish_reason(answer),
        }
        for index, answer in enumerate(turn.answers)
    ]
    head = _head(turn, "chat.completion")
    return {
        **{key: head[key] for key in ("id", "object", "created", "model")},
        "choices": choices,
        **turn.usage_field(usage_object(turn.counts)),
        "service_tier": head["service_tier"],
        "system_fingerprint": head["system_fingerprint"],
    }


def completion_events(turn: Turn) -> list[Event]:
    """Return the chunks of a streamed answer, the choices interleaved, ``[DONE]`` last.

    The usage chunk comes only if the request asks for it, or if a usage is scripted.
    """
    is_asked = bool(as_object(turn.request.get("stream_options")).get("include_usage"))
    has_usage = is_asked or not isinstance(turn.usage, UsageFrom)
    head = _head(turn, "chat.completion.chunk")
    nothing = {"usage": None} if is_asked else {}
    streams = [_choice_deltas(turn, index, answer) for index, answer in enumerate(turn.answers)]
    chunks = [
        Event({**head, "choices": [choice], **nothing})
        for step in zip_longest(*streams)
        for choice in step
        if choice is not None
    ]
    usage = turn.usage_field(usage_object(turn.counts))
    if has_usage and usage:
        chunks.append(Event({**head, "choices": [], **usage}))
    return [*chunks, Event("[DONE]")]


def _head(turn: Turn, kind: str) -> JsonObject:
    return {
        "id": f"chatcmpl-{turn.token[:29]}",
        "object": kind,
        "created": turn.created_at,
        "model": turn.model,
        "service_tier": service_tier(turn.request),
        "system_fingerprint": "fp_local000001",
    }


def _message(turn: Turn, choice: int, answer: Answer) -> JsonObject:
    message: JsonObject = {
        "role": "assistant",
        "content": None if answer.tool_calls or answer.refusal else answer.text,
        "refusal": answer.refusal,
        "annotations": [],
    }
    if answer.tool_calls:
        message["content"] = answer.text or None
        message["tool_calls"] = [
            {
                "id": _call_id(turn, choice, at),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for at, call in enumerate(answer.tool_calls)
        ]
    return message


def _choice_deltas(turn: Turn, index: int, answer: Answer) -> list[JsonObject]:
    has_text = not answer.tool_calls and answer.refusal is None
    first: JsonObject = {"role": "assistant", "content": "" if has_text else None, "refusal": None}
    deltas: list[JsonObject] = [first]
    deltas += [{"content": piece} for piece in text_pieces(answer.text)]
    deltas += [{"refusal": piece} for piece in text_pieces(answer.refusal or "")]
    for at, call in enumerate(answer.tool_calls):
        opening = {
            "index": at,
            "id": _call_id(turn, index, at),
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        deltas.append({"tool_calls": [opening]})
        deltas += [
            {"tool_calls": [{"index": at, "function": {"arguments": piece}}]}
            for piece in argument_pieces(call.arguments)
        ]
    choices: list[JsonObject] = [
        {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
        for delta in deltas
    ]
    end: JsonObject = {"index": index, "delta": {}, "logprobs": None}
    return [*choices, {**end, "finish_reason": _finish_reason(answer)}]


def argument_pieces(arguments: str) -> list[str]:
    """Split JSON text into the few characters at a time in which models emit it."""
    size = 6
    return [arguments[at : at + size] for at in range(0, len(arguments), size)]


def _finish_reason(answer: Answer) -> str:
    if answer.is_truncated:
        return "length"
    return "tool_calls" if answer.tool_calls else "stop"


def _call_id(turn: Turn, choice: int, at: int) -> str:
    return f"call_{turn.token[:20]}{choice:02d}{at:02d}"


def _tools(request: JsonObject) -> list[Tool]:
    functions = [
        as_object(as_object(tool).get("function")) for tool in as_list(request.get("tools"))
    ]
    return [
        Tool(name=as_text(each["name"]), parameters=as_object(each.get("parameters")))
        for each in functions
        if "name" in each
    ]


def _message_text(message: JsonObject) -> str:
    calls = as_list(message.get("tool_calls"))
    said = content_text(message.get("content")) + (encode_json(calls).decode() if calls else "")
    return f"{message.get('role')}: {said}\n"


def _trailing_results(messages: list[JsonObject]) -> tuple[str, ...]:
    results: list[str] = []
    for message in reversed(messages):
        if message.get("role") not in ("tool", "function"):
            break
        results.insert(0, content_text(message.get("content")))
    return tuple(results)


CHAT = Dialect(
    name="chat",
    problem=find_problem,
    read=read_prompt,
    body=completion_body,
    events=completion_events,
    choices=lambda request: request.get("n") or 1,
)
