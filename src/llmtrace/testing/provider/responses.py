"""OpenAI's ``POST /v1/responses``: request → prompt, turn → JSON body or stream of events.

Shapes follow https://platform.openai.com/docs/api-reference/responses and recorded traffic. Pure;
what ``previous_response_id`` refers to is looked up by ``local``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.testing.provider.chat import argument_pieces
from llmtrace.testing.provider.events import (
    Event,
    JsonObject,
    as_list,
    as_object,
    as_text,
    encode_json,
    text_pieces,
)
from llmtrace.testing.provider.metering import count_tokens
from llmtrace.testing.provider.openai import (
    allowed_tools,
    content_text,
    reasoning_tokens,
    service_tier,
)
from llmtrace.testing.provider.records import (
    Counts,
    Dialect,
    Prompt,
    Segment,
    Tool,
    Turn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_ECHOED: JsonObject = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}
"""Request fields that come back, with what they are when the request leaves them out."""

_EMPTY_ITEMS: dict[str, JsonObject] = {
    "reasoning": {"summary": []},
    "message": {"content": [], "status": "in_progress"},
    "function_call": {"arguments": "", "status": "in_progress"},
}
"""What an item's growing fields are when a stream adds it."""


def find_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what OpenAI answers 400 to; None if there is nothing."""
    if not isinstance(request.get("model"), str):
        return "model", "Missing required parameter: 'model'."
    if not isinstance(request.get("input"), str | list):
        return "input", "Missing required parameter: 'input'."
    return None


def read_prompt(request: JsonObject) -> Prompt:
    """Reduce a request to what decides the answer and its token counts."""
    items = _items(request)
    tools = _tools(request)
    segments = [Segment(text=encode_json(request["tools"]).decode())] if tools else []
    if instructions := as_text(request.get("instructions")):
        segments.append(Segment(text=f"system: {instructions}\n"))
    segments += [Segment(text=_item_text(item)) for item in items]
    users = [item for item in items if item.get("role") == "user"]
    text_format = as_object(as_object(request.get("text")).get("format"))
    schema = text_format.get("schema")
    limit = request.get("max_output_tokens")
    reasoning = as_object(request.get("reasoning"))
    return Prompt(
        segments=tuple(segments),
        user_text=content_text(users[-1].get("content")) if users else "",
        tool_results=_trailing_results(items),
        tools=allowed_tools(tools, request.get("tool_choice")),
        is_parallel=request.get("parallel_tool_calls") is not False,
        schema=as_object(schema) if schema is not None else None,
        max_tokens=limit if isinstance(limit, int) else None,
        reasoning_tokens=reasoning_tokens(as_text(request.get("model")), reasoning.get("effort")),
        wants_reasoning=reasoning.get("summary") is not None,
    )


def usage_object(counts: Counts) -> JsonObject:
    """Return ``usage``: cached input inside the input, reasoning inside the output."""
    return {
        "input_tokens": counts.input_all,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": counts.cache_read},
        "output_tokens": counts.output_all,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.input_all + counts.output_all,
    }


def count_body(request: JsonObject) -> JsonObject:
    """Answer how many tokens a request would be."""
    text = "".join(segment.text for segment in read_prompt(request).segments)
    return {"object": "response.input_tokens", "input_tokens": count_tokens(text)}


def compaction_body(request: JsonObject, token: str) -> JsonObject:
    """Make a conversation short: what the users said, and one item that stands for the rest."""
    read = count_tokens("".join(segment.text for segment in read_prompt(request).segments))
    item = {"id": f"cmp_{token[:32]}", "type": "compaction", "encrypted_content": f"local:{token}"}
    counts = Counts(input_uncached=read, output_text=count_tokens(item["encrypted_content"]))
    return {
        "id": f"resp_{token}",
        "object": "response.compaction",
        "created_at": 1_760_000_000,
        "output": [*(each for each in _items(request) if each.get("role") == "user"), item],
        "usage": usage_object(counts),
    }


def response_id(turn: Turn) -> str:
    """Return the id under which the response can be fetched and continued."""
    return f"resp_{turn.token}"


def response_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a finished response."""
    is_cut = turn.answers[0].is_truncated
    return _response(turn) | {
        "status": "incomplete" if is_cut else "completed",
        "completed_at": None if is_cut else turn.created_at,
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "output": _output(turn),
        **turn.usage_field(usage_object(turn.counts)),
    }


def response_events(turn: Turn) -> list[Event]:
    """Return the full event sequence, numbered from 0."""
    begun = _response(turn)
    final = response_body(turn)
    events = [{"type": "response.created", "response": begun}]
    events += [{"type": "response.in_progress", "response": begun}]
    for index, item in enumerate(_output(turn)):
        events += _item_events(index, item)
    events += [{"type": f"response.{final['status']}", "response": final}]
    return [
        Event({**event, "sequence_number": number}, name=str(event["type"]))
        for number, event in enumerate(events)
    ]


def _response(turn: Turn) -> JsonObject:
    request = turn.request
    text = as_object(request.get("text"))
    return {
        "id": response_id(turn),
        "object": "response",
        "created_at": turn.created_at,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": turn.model,
        "output": [],
        **{key: request.get(key, default) for key, default in _ECHOED.items()},
        "reasoning": {"effort": None, "summary": None} | as_object(request.get("reasoning")),
        "service_tier": service_tier(request),
        "text": {"format": {"type": "text"}, "verbosity": "medium"} | text,
        "usage": None,
    }


def _output(turn: Turn) -> list[JsonObject]:
    """Return the output items: reasoning if the model thought, then the calls or the message."""
    answer = turn.answers[0]
    items: list[JsonObject] = []
    if answer.reasoning or turn.counts.reasoning:
        parts = [{"type": "summary_text", "text": answer.reasoning}] if answer.reasoning else []
        items.append({"id": f"rs_{turn.token}", "type": "reasoning", "summary": parts})
    if answer.text or answer.refusal is not None or not answer.tool_calls:
        content: JsonObject = {"type": "refusal", "refusal": answer.refusal}
        if answer.refusal is None:
            content = _text_part(answer.text)
        items.append(
            {
                "id": f"msg_{turn.token}",
                "type": "message",
                "status": "incomplete" if answer.is_truncated else "completed",
                "content": [content],
                "role": "assistant",
            }
        )
    items += [
        {
            "id": f"fc_{turn.token}{at:02d}",
            "type": "function_call",
            "status": "completed",
            "arguments": call.arguments,
            "call_id": f"call_{turn.token[:22]}{at:02d}",
            "name": call.name,
        }
        for at, call in enumerate(answer.tool_calls)
    ]
    return items


def _text_part(text: str) -> JsonObject:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _item_events(index: int, item: JsonObject) -> Iterator[JsonObject]:
    """Yield what a stream sends for one output item, from added to done."""
    empty = _EMPTY_ITEMS[item["type"]]
    where = {"item_id": item["id"], "output_index": index}
    yield {"type": "response.output_item.added", "output_index": index, "item": item | empty}
    if item["type"] == "function_call":
        for piece in argument_pieces(item["arguments"]):
            yield {"type": "response.function_call_arguments.delta", **where, "delta": piece}
        yield {
            "type": "response.function_call_arguments.done",
            **where,
            "arguments": item["arguments"],
            "name": item["name"],
        }
    for at, part in enumerate(as_list(item.get("summary"))):
        yield from _summary_events({**where, "summary_index": at}, part)
    for at, part in enumerate(as_list(item.get("content"))):
        yield from _content_events({**where, "content_index": at}, part)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _summary_events(where: JsonObject, part: JsonObject) -> Iterator[JsonObject]:
    kind = "response.reasoning_summary"
    yield {"type": f"{kind}_part.added", **where, "part": part | {"text": ""}}
    for piece in text_pieces(part["text"]):
        yield {"type": f"{kind}_text.delta", **where, "delta": piece}
    yield {"type": f"{kind}_text.done", **where, "text": part["text"]}
    yield {"type": f"{kind}_part.done", **where, "part": part}


def _content_events(where: JsonObject, part: JsonObject) -> Iterator[JsonObject]:
    is_text = part["type"] == "output_text"
    kind, field = ("output_text", "text") if is_text else ("refusal", "refusal")
    extra: JsonObject = {"logprobs": []} if is_text else {}
    yield {"type": "response.content_part.added", **where, "part": part | {field: ""}}
    for piece in text_pieces(part[field]):
        yield {"type": f"response.{kind}.delta", **where, "delta": piece, **extra}
    yield {"type": f"response.{kind}.done", **where, field: part[field], **extra}
    yield {"type": "response.content_part.done", **where, "part": part}


def _items(request: JsonObject) -> list[JsonObject]:
    value = request.get("input")
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    return [as_object(item) for item in as_list(value)]


def _item_text(item: JsonObject) -> str:
    if "role" in item:
        return f"{item['role']}: {content_text(item.get('content'))}\n"
    kept = {key: value for key, value in item.items() if key not in ("id", "status")}
    return encode_json(kept).decode() + "\n"


def _tools(request: JsonObject) -> list[Tool]:
    tools = [as_object(tool) for tool in as_list(request.get("tools"))]
    return [
        Tool(name=as_text(tool["name"]), parameters=as_object(tool.get("parameters")))
        for tool in tools
        if tool.get("type") == "function" and "name" in tool
    ]


def _trailing_results(items: list[JsonObject]) -> tuple[str, ...]:
    results: list[str] = []
    for item in reversed(items):
        if item.get("type") != "function_call_output":
            break
        results.insert(0, content_text(item.get("output")))
    return tuple(results)


RESPONSES = Dialect(
    name="responses",
    problem=find_problem,
    read=read_prompt,
    body=response_body,
    events=response_events,
)
