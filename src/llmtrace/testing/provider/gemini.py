"""Google's generateContent, at the paths of the Gemini API and of Vertex AI; errors and headers.

Shapes follow https://ai.google.dev/api/generate-content and recorded traffic. Pure functions. The
model is in the path; a stream is asked for by the method's name, not by the body.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from llmtrace.testing.provider.events import (
    Event,
    JsonObject,
    as_list,
    as_object,
    as_text,
    encode_json,
    text_pieces,
)
from llmtrace.testing.provider.gemini_usage import usage_object
from llmtrace.testing.provider.metering import count_tokens
from llmtrace.testing.provider.records import (
    Answer,
    Dialect,
    Headroom,
    Prompt,
    Segment,
    Tool,
    Turn,
    Vendor,
)

if TYPE_CHECKING:
    from llmtrace.testing.provider.server import Received

ROOT = r"/v1\w*"
PROJECT = rf"{ROOT}/projects/[^/]+/locations/[^/]+"
_NAMED = r"(?:(?:publishers/[^/]+/)?models|tunedModels|endpoints)/[^/:]+"
GEMINI = rf"{ROOT}/{_NAMED}"
VERTEX = rf"{PROJECT}/{_NAMED}"
_MODEL = re.compile(r"/([^/:]+):\w+$")
SNAPSHOTS = {
    "gemini-flash-latest": "gemini-2.5-flash",
    "gemini-flash-lite-latest": "gemini-2.5-flash-lite",
    "gemini-pro-latest": "gemini-2.5-pro",
}
_SCHEMA_KEYS = ("parametersJsonSchema", "parameters_json_schema", "parameters")
_DEFAULT_THOUGHT = 64
"""Tokens that a model thinks where the request sets no budget."""
_MAX_THOUGHT = 512
_ERRORS = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: (
        "UNAUTHENTICATED",
        "Request is missing required authentication credential. Expected OAuth 2 access token.",
    ),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "models/{model} is not found for API version v1beta."),
    408: ("DEADLINE_EXCEEDED", "The request timed out. Please try again."),
    429: ("RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."),
    499: ("CANCELLED", "The operation was cancelled."),
    500: ("INTERNAL", "An internal error has occurred. Please retry or report."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}


def error_body(status: int, model: str, message: str | None, _token: str) -> JsonObject:
    """Return the body of an error answer; ``message`` None gives the usual one for ``status``."""
    name, usual = _ERRORS.get(status) or _ERRORS[500 if status >= 500 else 400]
    text = message if message is not None else usual.format(model=model)
    return {"error": {"code": status, "message": text, "status": name}}


def response_headers(_token: str, spent_s: float, _headroom: Headroom) -> dict[str, str]:
    """Return the headers that every answer carries; Google tells no limits."""
    return {"server-timing": f"gfet4t7; dur={round(spent_s * 1000)}", "vary": "Origin, X-Origin"}


VENDOR = Vendor(error=error_body, headers=response_headers, snapshots=SNAPSHOTS)


def model_in_path(received: Received) -> str:
    """Return the model that the path names before its method."""
    found = _MODEL.search(received.path)
    return unquote(found[1]) if found else ""


def find_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what Google answers 400 to; None if there is nothing."""
    if not as_list(request.get("contents")):
        return "contents", "* GenerateContentRequest.contents: contents is not specified\n"
    for content in map(as_object, as_list(request["contents"])):
        if content.get("role") not in (None, "user", "model", "function"):
            return "role", "Please use a valid role: user, model."
    return None


def read_prompt(request: JsonObject, *, thinks: bool = False) -> Prompt:
    """Reduce a request to what decides the answer and its token counts."""
    contents = [as_object(content) for content in as_list(request.get("contents"))]
    config = as_object(request.get("generationConfig"))
    system = as_object(request.get("systemInstruction"))
    thinking = as_object(config.get("thinkingConfig"))
    tools = _tools(request)
    segments = [Segment(text=encode_json(request["tools"]).decode())] if tools else []
    segments += [Segment(text=f"system: {_text(system)}\n")] if system else []
    segments += [Segment(text=f"{each.get('role')}: {_text(each)}\n") for each in contents]
    users = [content for content in contents if content.get("role") != "model"]
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if schema is None and config.get("responseMimeType") == "application/json":
        schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    limit = config.get("maxOutputTokens")
    budget = _first(thinking, "thinkingBudget", "thinking_budget")
    asked = budget if isinstance(budget, int) and budget >= 0 else _DEFAULT_THOUGHT
    return Prompt(
        segments=tuple(segments),
        user_text=next((said for each in reversed(users) if (said := _said(each))), ""),
        tool_results=_trailing_results(contents),
        tools=_allowed(tools, request),
        schema=as_object(plain_schema(schema)) if schema is not None else None,
        max_tokens=limit if isinstance(limit, int) else None,
        reasoning_tokens=min(asked, _MAX_THOUGHT) if thinks or thinking else 0,
        wants_reasoning=_first(thinking, "includeThoughts", "include_thoughts") is True,
    )


def plain_schema(schema: object) -> object:
    """Return a schema with its types in lower case, as JSON Schema has them."""
    if isinstance(schema, list):
        return [plain_schema(item) for item in as_list(cast("object", schema))]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.lower() if key == "type" and isinstance(value, str) else plain_schema(value)
        for key, value in as_object(cast("object", schema)).items()
    }


def _tools(request: JsonObject) -> list[Tool]:
    declared = [
        as_object(function)
        for tool in as_list(request.get("tools"))
        for function in as_list(as_object(tool).get("functionDeclarations"))
    ]
    return [
        Tool(
            name=as_text(each["name"]),
            parameters=as_object(plain_schema(_first(each, *_SCHEMA_KEYS))),
        )
        for each in declared
        if "name" in each
    ]


def _first(fields: JsonObject, *names: str) -> object:
    """Return the first of ``names`` that is there: JSON of protocol buffers has two spellings."""
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _allowed(tools: list[Tool], request: JsonObject) -> tuple[Tool, ...]:
    """Return the tools that the calling mode leaves: none, all, or those named."""
    config = as_object(as_object(request.get("toolConfig")).get("functionCallingConfig"))
    if config.get("mode") == "NONE":
        return ()
    names = as_list(config.get("allowedFunctionNames"))
    return tuple(tool for tool in tools if not names or tool.name in names)


def _text(content: JsonObject) -> str:
    """Return what is counted as text: pictures and files are counted by themselves."""
    texts: list[str] = []
    for part in map(as_object, as_list(content.get("parts"))):
        if "text" in part:
            texts.append(as_text(part["text"]))
        elif "inlineData" not in part and "fileData" not in part:
            kept: dict[str, Any] = {k: v for k, v in part.items() if k != "thoughtSignature"}
            texts.append(encode_json(kept).decode())
    return "\n".join(texts)


def _said(content: JsonObject) -> str:
    parts = map(as_object, as_list(content.get("parts")))
    return "\n".join(as_text(part["text"]) for part in parts if "text" in part)


def _trailing_results(contents: list[JsonObject]) -> tuple[str, ...]:
    last = contents[-1] if contents else {}
    results = [
        as_object(as_object(part).get("functionResponse")) for part in as_list(last.get("parts"))
    ]
    return tuple(as_text(result.get("response")) for result in results if result)


def content_body(turn: Turn, *, is_vertex: bool = False) -> JsonObject:
    """Return the JSON body of a plain answer."""
    return {
        "candidates": [_candidate(turn, index) for index in range(len(turn.answers))],
        **_usage(turn, is_vertex=is_vertex),
        **_tail(turn),
    }


def content_events(turn: Turn, *, is_vertex: bool = False) -> list[Event]:
    """Return the chunks of a streamed answer; each states the usage so far, the last all of it."""
    events: list[Event] = []
    said = 0
    last = len(turn.answers) - 1
    for index in range(last + 1):
        whole = _candidate(turn, index)
        content = as_object(whole["content"])
        for piece in [piece for part in content.get("parts", []) for piece in _pieces(part)]:
            said += count_tokens(as_text(piece.get("text")))
            so_far = replace(turn.counts, output_text=said, reasoning=0)
            chunk = {"content": {"parts": [piece], "role": "model"}, "index": index}
            usage = _usage(replace(turn, counts=so_far), is_vertex=is_vertex)
            events.append(Event({"candidates": [chunk], **usage, **_tail(turn)}))
        end = {**whole, "content": {"parts": [{"text": ""}], "role": "model"}}
        usage = _usage(turn, is_vertex=is_vertex) if index == last else {}
        events.append(Event({"candidates": [end], **usage, **_tail(turn)}))
    return events


def _usage(turn: Turn, *, is_vertex: bool) -> JsonObject:
    natural = usage_object(turn.counts, turn.request, is_vertex=is_vertex)
    told = turn.usage_field(natural)
    return {"usageMetadata": told["usage"]} if told else {}


def _tail(turn: Turn) -> JsonObject:
    return {"modelVersion": turn.model, "responseId": turn.token[:22]}


def _candidate(turn: Turn, index: int) -> JsonObject:
    answer = turn.answers[index]
    content: JsonObject = {"role": "model"}
    if answer.refusal is None:
        content = {"parts": _parts(turn, answer), "role": "model"}
    return {"content": content, "finishReason": _finish_reason(answer), "index": index}


def _parts(turn: Turn, answer: Answer) -> list[JsonObject]:
    parts: list[JsonObject] = []
    if answer.reasoning:
        parts.append({"text": answer.reasoning, "thought": True})
    if answer.text or not answer.tool_calls:
        parts.append({"text": answer.text})
    parts += [
        {"functionCall": {"name": call.name, "args": _arguments(call.arguments)}}
        for call in answer.tool_calls
    ]
    if turn.counts.reasoning:
        sealed = next(part for part in parts if not part.get("thought"))
        sealed["thoughtSignature"] = turn.token
    return parts


def _arguments(text: str) -> JsonObject:
    """Return a call's arguments, which Google sends as an object and not as text."""
    try:
        return as_object(json.loads(text))
    except ValueError:
        return {"value": text}


def _finish_reason(answer: Answer) -> str:
    if answer.refusal is not None:
        return "SAFETY"
    return "MAX_TOKENS" if answer.is_truncated else "STOP"


def _pieces(part: JsonObject) -> list[JsonObject]:
    """Split a part as a stream does: texts by words, all else whole."""
    if not part.get("text"):
        return [part]
    rest: dict[str, Any] = {k: v for k, v in part.items() if k not in ("text", "thoughtSignature")}
    found: list[JsonObject] = [{"text": piece, **rest} for piece in text_pieces(part["text"])]
    if "thoughtSignature" in part:
        found[-1]["thoughtSignature"] = part["thoughtSignature"]
    return found


def _choices(request: JsonObject) -> int:
    count = as_object(request.get("generationConfig")).get("candidateCount")
    return count if isinstance(count, int) and count > 0 else 1


GENERATE = Dialect(
    name="generate_content",
    problem=find_problem,
    read=read_prompt,
    body=content_body,
    events=content_events,
    is_stream=lambda received: received.path.endswith(":streamGenerateContent"),
    model=model_in_path,
    choices=_choices,
)
VERTEX_GENERATE = replace(
    GENERATE,
    body=partial(content_body, is_vertex=True),
    events=partial(content_events, is_vertex=True),
)
THINKING = replace(GENERATE, read=partial(read_prompt, thinks=True))
VERTEX_THINKING = replace(VERTEX_GENERATE, read=partial(read_prompt, thinks=True))
