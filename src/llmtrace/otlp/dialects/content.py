"""What was asked and answered, in any of the usual shapes → the GenAI message schema as JSON.

Total: what is in no known shape becomes one text. Nothing is left out for being unknown.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace import semconv
from llmtrace.otlp.dialects.draft import parsed

if TYPE_CHECKING:
    from llmtrace.otlp.dialects.draft import Draft

_Object = dict[str, Any]

_ROLES: Final = {"human": "user", "ai": "assistant", "model": "assistant", "function": "tool"}
BODIES: Final = frozenset(
    {
        "ai.prompt",
        "ai.prompt.messages",
        "ai.response.object",
        "ai.response.text",
        "ai.response.toolCalls",
        "all_messages_events",
        semconv.COMPLETION_OLD,
        semconv.PROMPT_OLD,
        semconv.USAGE_RAW_LOGFIRE,
        "input.value",
        "langfuse.observation.input",
        "langfuse.observation.output",
        "mlflow.spanInputs",
        "mlflow.spanOutputs",
        "output.value",
        "pydantic_ai.all_messages",
        "traceloop.entity.input",
        "traceloop.entity.output",
    }
)
"""Attributes of other tools that hold whole conversations: JSON, and useless when it is cut."""

_MAX_MESSAGES: Final = 1_000
_MAX_DEPTH: Final = 12


def say_messages(draft: Draft, value: object, *, answer: bool = False) -> None:
    """Say ``value`` as input messages, or as output messages if it is the answer."""
    name = semconv.OUTPUT_MESSAGES if answer else semconv.INPUT_MESSAGES
    if value is None or value == "":
        return
    draft.say(name, as_messages(value, "assistant" if answer else "user"))


def as_messages(value: object, role: str) -> str:
    """Return any content as JSON of the message schema; ``role`` is for what names none."""
    decoded = parsed(value) if _looks_like_json(value) else value
    content = value if decoded is None else decoded
    return _dumped([_message(each, role) for each in _listed(content)[:_MAX_MESSAGES]])


def unflatten(draft: Draft, prefix: str) -> list[_Object]:
    """Take ``prefix.0.role``, ``prefix.0.tool_calls.1.name`` … out of a span, as nested objects.

    Numbers are places of a list; there they only order, so that a huge one costs nothing.
    """
    root: _Object = {}
    for name in draft.names():
        if not name.startswith(prefix + "."):
            continue
        steps = name.removeprefix(prefix + ".").split(".")[:_MAX_DEPTH]
        if not steps[0].isdecimal():
            continue
        node = root
        for step in steps[:-1]:
            below = node.setdefault(step, {})
            if not isinstance(below, dict):
                below = node[step] = {"value": below}
            node = cast("_Object", below)
        node[steps[-1]] = draft.take(name)
    return [each for each in _places(root) if isinstance(each, dict)]


def items(value: object) -> list[Any]:
    """Return a list as it is, an object numbered by ``unflatten`` as a list, else nothing."""
    if isinstance(value, list):
        return cast("list[Any]", value)
    return _places(cast("_Object", value)) if isinstance(value, dict) else []


def text_part(text: object) -> _Object:
    """Return a text part of the schema."""
    return {"type": "text", "content": text if isinstance(text, str) else _dumped(text)}


def tool_call_part(call_id: object, name: object, arguments: object) -> _Object:
    """Return a tool call of the schema; arguments that are JSON are read."""
    read = parsed(arguments) if isinstance(arguments, str) else arguments
    return {
        "type": "tool_call",
        "id": call_id,
        "name": name,
        "arguments": arguments if read is None else read,
    }


def _listed(content: object) -> list[object]:
    if isinstance(content, dict):
        inner: object = cast("_Object", content).get("messages")
        if isinstance(inner, list):
            return cast("list[object]", inner)
        choices: object = cast("_Object", content).get("choices")
        if isinstance(choices, list) and choices:
            return [
                cast("_Object", c).get("message", cast("_Object", c)) if isinstance(c, dict) else c
                for c in cast("list[object]", choices)
            ]
        return [cast("object", content)]
    return cast("list[object]", content) if isinstance(content, list) else [content]


def _message(value: object, role: str) -> _Object:
    if not isinstance(value, dict):
        return {"role": role, "parts": [text_part(value)]}
    found = cast("_Object", value)
    said = found.get("role")
    named = _ROLES.get(said, said) if isinstance(said, str) and said else role
    if isinstance(found.get("parts"), list):
        return {**found, "role": named}
    if not {"role", "content", "tool_calls"} & found.keys():
        return {"role": named, "parts": [text_part(found)]}
    parts = _parts(found.get("content"))
    for call in items(found.get("tool_calls")):
        if isinstance(call, dict):
            parts.append(_tool_call(cast("_Object", call)))
    message: _Object = {"role": named, "parts": parts}
    reason = found.get("finish_reason")
    return {**message, "finish_reason": reason} if isinstance(reason, str) else message


def _parts(content: object) -> list[_Object]:
    if content is None or content == "":
        return []
    if isinstance(content, str) and content.startswith('[{"type"'):
        # Some tools flatten the parts of a message into its text.
        content = parsed(content) or content
    if not isinstance(content, list):
        return [text_part(content)]
    return [
        _part(cast("_Object", each)) if isinstance(each, dict) else text_part(each)
        for each in cast("list[object]", content)[:_MAX_MESSAGES]
    ]


def _part(found: _Object) -> _Object:
    named = found.get("type")
    kind = named if isinstance(named, str) else None
    if kind in {"text", "input_text", "output_text"} or (kind is None and "text" in found):
        return text_part(found.get("text", found.get("content", "")))
    if kind in {"tool_use", "tool-call"}:
        return tool_call_part(
            found.get("id", found.get("toolCallId")),
            found.get("name", found.get("toolName")),
            found.get("input", found.get("args")),
        )
    if kind in {"tool_result", "tool-result"}:
        return {
            "type": "tool_call_response",
            "id": found.get("tool_use_id", found.get("toolCallId")),
            "response": found.get("content", found.get("output", found.get("result"))),
        }
    if kind in {"thinking", "reasoning"}:
        said = found.get("thinking", found.get("text", found.get("content", "")))
        return {"type": "reasoning", "content": said}
    return text_part(found) if kind is None else found


def _tool_call(call: _Object) -> _Object:
    inner = call.get("tool_call", call)
    found = cast("_Object", inner) if isinstance(inner, dict) else call
    function: object = found.get("function")
    named = cast("_Object", function) if isinstance(function, dict) else found
    return tool_call_part(
        found.get("id", found.get("toolCallId")),
        named.get("name", found.get("toolName")),
        named.get("arguments", found.get("args", found.get("input"))),
    )


def _places(numbered: _Object) -> list[Any]:
    """Return the values of an object whose names are numbers, in their order."""
    found = [(name, value) for name, value in numbered.items() if name.isdecimal()]
    return [value for _, value in sorted(found, key=lambda pair: (len(pair[0]), pair[0]))]


def _looks_like_json(value: object) -> bool:
    return isinstance(value, str) and value[:1] in {"[", "{"}


def _dumped(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return ""
