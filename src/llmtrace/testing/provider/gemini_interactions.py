"""Google's interactions: request → prompt, turn → JSON body or stream.

Shapes follow https://ai.google.dev/api/interactions-api and recorded traffic. Pure functions.
"""

from __future__ import annotations

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
from llmtrace.testing.provider.records import Answer, Counts, Dialect, Prompt, Segment, Tool, Turn

_CREATED = "2026-01-15T09:30:00Z"
_THOUGHT = 64
"""Tokens that a model thinks."""


def find_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what Google answers 400 to; None if there is nothing."""
    if not request.get("model") and not request.get("agent"):
        return "model", "One of model or agent must be specified."
    if not request.get("input") and not request.get("continuation_token"):
        return "input", "Input is not specified."
    return None


def read_prompt(request: JsonObject) -> Prompt:
    """Reduce a request to what decides the answer and its token counts."""
    given = request.get("input")
    items = [as_object(item) for item in as_list(given)]
    system = as_text(request.get("system_instruction"))
    tools = [
        Tool(name=as_text(tool["name"]), parameters=as_object(tool.get("parameters")))
        for tool in map(as_object, as_list(request.get("tools")))
        if tool.get("type") == "function" and "name" in tool
    ]
    said = [_said(item) for item in items] if items else [as_text(given)]
    results = [as_text(item.get("result")) for item in items if _is_result(item)]
    limit = as_object(request.get("generation_config")).get("max_output_tokens")
    texts = [encode_json(request["tools"]).decode()] if tools else []
    return Prompt(
        segments=tuple(Segment(text=f"{text}\n") for text in [*texts, system, *said] if text),
        user_text=next((text for text in reversed(said) if text), ""),
        tool_results=tuple(results),
        tools=tuple(tools),
        max_tokens=limit if isinstance(limit, int) else None,
        reasoning_tokens=_THOUGHT,
    )


def _is_result(item: JsonObject) -> bool:
    return item.get("type") == "function_result"


def _said(item: JsonObject) -> str:
    if item.get("type") == "text":
        return as_text(item.get("text"))
    content = item.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(as_text(as_object(block).get("text")) for block in as_list(content))


def usage_object(counts: Counts) -> JsonObject:
    """Return ``usage``: cached input inside the input, thoughts beside the output."""
    return {
        "total_tokens": counts.input_all + counts.output_all,
        "total_input_tokens": counts.input_all,
        "input_tokens_by_modality": [{"modality": "text", "tokens": counts.input_all}],
        "total_cached_tokens": counts.cache_read,
        "total_output_tokens": counts.output_text,
        "total_tool_use_tokens": 0,
        "total_thought_tokens": counts.reasoning,
    }


def interaction_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a plain answer."""
    return {**_head(turn), "steps": _steps(turn)}


def _head(turn: Turn) -> JsonObject:
    answer = turn.answers[0]
    status = "requires_action" if answer.tool_calls else "completed"
    return {
        "id": f"v1_{turn.token[:24]}",
        "status": "incomplete" if answer.is_truncated else status,
        **turn.usage_field(usage_object(turn.counts)),
        "created": _CREATED,
        "updated": _CREATED,
        "service_tier": turn.request.get("service_tier") or "standard",
        "object": "interaction",
        "model": turn.model,
    }


def _steps(turn: Turn) -> list[JsonObject]:
    answer = turn.answers[0]
    steps: list[JsonObject] = [{"type": "thought", "signature": turn.token}]
    if answer.text:
        said = [{"type": "text", "text": answer.text}]
        steps.append({"type": "model_output", "content": said})
    return [*steps, *_calls(turn, answer)]


def _calls(turn: Turn, answer: Answer) -> list[JsonObject]:
    return [
        {
            "type": "function_call",
            "id": f"call_{turn.token[:8]}{at:02d}",
            "name": call.name,
            "arguments": call.arguments,
        }
        for at, call in enumerate(answer.tool_calls)
    ]


def interaction_events(turn: Turn) -> list[Event]:
    """Return the events of a streamed answer; its usage comes with the last."""
    whole = _head(turn)
    first = {key: whole[key] for key in ("id", "object", "model")}
    events = [
        _event("interaction.created", interaction={**first, "status": "in_progress"}),
        _event("interaction.status_update", interaction_id=whole["id"], status="in_progress"),
    ]
    for index, step in enumerate(_steps(turn)):
        opening, deltas = _taken_apart(step)
        events.append(_event("step.start", index=index, step=opening))
        events += [_event("step.delta", index=index, delta=delta) for delta in deltas]
        events.append(_event("step.stop", index=index))
    return [*events, _event("interaction.completed", interaction=whole), Event("[DONE]", "done")]


def _event(kind: str, **fields: object) -> Event:
    return Event({**fields, "event_type": kind}, kind)


def _taken_apart(step: JsonObject) -> tuple[JsonObject, list[JsonObject]]:
    if step["type"] == "thought":
        return {"type": "thought"}, [{"type": "thought_signature", "signature": step["signature"]}]
    if step["type"] == "model_output":
        pieces = text_pieces(step["content"][0]["text"])
        return {"type": "model_output"}, [{"type": "text", "text": piece} for piece in pieces]
    pieces = argument_pieces(step["arguments"])
    deltas = [{"type": "arguments_delta", "arguments": piece} for piece in pieces]
    return {**step, "arguments": {}}, [dict(delta) for delta in deltas]


INTERACTIONS = Dialect(
    name="interactions",
    problem=find_problem,
    read=read_prompt,
    body=interaction_body,
    events=interaction_events,
)
