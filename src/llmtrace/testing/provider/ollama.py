"""Ollama's ``/api/chat``, ``/api/generate`` and ``/api/embed``: prompts → JSON, or lines of it.

Shapes follow https://docs.ollama.com/api and recorded traffic. Pure. It asks for no key.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llmtrace.testing.provider import chat, openai
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
from llmtrace.testing.provider.records import Answer, Dialect, Headroom, Prompt, Turn, Vendor
from llmtrace.testing.provider.route import Memory, Plain, Route

if TYPE_CHECKING:
    from llmtrace.testing.provider.server import Received

_CREATED = "2026-01-15T09:30:00.000000Z"
_DIMENSIONS = 768
_USUAL = {
    400: "invalid request",
    401: "unauthorized",
    404: "model '{model}' not found",
    429: "too many requests",
    500: "an error was encountered while running the model",
}


def error_body(status: int, model: str, message: str | None, _token: str) -> JsonObject:
    """Return the body of an error answer."""
    usual = _USUAL.get(status) or _USUAL[500 if status >= 500 else 400]
    return {"error": message if message is not None else usual.format(model=model)}


def response_headers(_token: str, _spent_s: float, _headroom: Headroom) -> dict[str, str]:
    """Return the headers that every answer carries: none of its own."""
    return {}


VENDOR = Vendor(error=error_body, headers=response_headers, needs_key=False)


def find_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what Ollama answers 400 to; None if there is nothing."""
    return None if as_text(request.get("model")) else ("model", "model is required")


def read_prompt(request: JsonObject) -> Prompt:
    """Reduce a request to what decides the answer and its token counts."""
    options = as_object(request.get("options"))
    messages = request.get("messages")
    if messages is None:
        messages = [
            {"role": role, "content": request[name]}
            for role, name in (("system", "system"), ("user", "prompt"))
            if request.get(name)
        ]
    as_chat: JsonObject = {"messages": messages, "tools": request.get("tools")}
    if isinstance(limit := options.get("num_predict"), int) and limit > 0:
        as_chat["max_tokens"] = limit
    wants = request.get("format")
    if wants == "json":
        as_chat["response_format"] = {"type": "json_object"}
    elif isinstance(wants, dict):
        as_chat["response_format"] = {"json_schema": {"schema": wants}}
    return chat.read_prompt(as_chat)


def _counts(turn: Turn) -> JsonObject:
    """Return what the last line adds: why it ended, how long it took, the counts."""
    natural: JsonObject = {
        "prompt_eval_count": turn.counts.input_all,
        "eval_count": turn.counts.output_all,
    }
    told = turn.usage_field(natural).get("usage")
    is_cut = turn.answers[0].is_truncated
    return {
        "done": True,
        "done_reason": "length" if is_cut else "stop",
        "total_duration": 764_253_333,
        "load_duration": 74_607_541,
        "prompt_eval_duration": 229_238_167,
        "eval_duration": 193_258_041,
        **(told if isinstance(told, dict) else {}),
    }


def _head(turn: Turn) -> JsonObject:
    return {"model": turn.model, "created_at": _CREATED}


def _tool_calls(answer: Answer) -> JsonObject:
    if not answer.tool_calls:
        return {}
    calls = [
        {"function": {"name": call.name, "arguments": json.loads(call.arguments)}}
        for call in answer.tool_calls
    ]
    return {"tool_calls": calls}


def chat_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a plain answer of chat."""
    answer = turn.answers[0]
    message = {"role": "assistant", "content": answer.text, **_tool_calls(answer)}
    return {**_head(turn), "message": message, **_counts(turn)}


def chat_lines(turn: Turn) -> list[Event]:
    """Return the lines of a streamed answer of chat."""
    answer = turn.answers[0]
    said: list[JsonObject] = [{"content": piece} for piece in text_pieces(answer.text)]
    if answer.tool_calls:
        said.append({"content": "", **_tool_calls(answer)})
    lines = [
        Event({**_head(turn), "message": {"role": "assistant", **part}, "done": False})
        for part in said
    ]
    last = {**_head(turn), "message": {"role": "assistant", "content": ""}, **_counts(turn)}
    return [*lines, Event(last)]


def generate_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a plain answer of generate."""
    return {**_head(turn), "response": turn.answers[0].text, **_counts(turn)}


def generate_lines(turn: Turn) -> list[Event]:
    """Return the lines of a streamed answer of generate."""
    lines = [
        Event({**_head(turn), "response": piece, "done": False})
        for piece in text_pieces(turn.answers[0].text)
    ]
    return [*lines, Event({**_head(turn), "response": "", **_counts(turn)})]


def _encode_line(event: Event) -> bytes:
    data = event.data.encode() if isinstance(event.data, str) else encode_json(event.data)
    return data + b"\n"


def _streams(received: Received) -> bool:
    """Ollama streams unless it is told not to."""
    return received.json_object().get("stream") is not False


CHAT = Dialect(
    name="ollama.chat",
    problem=find_problem,
    read=read_prompt,
    body=chat_body,
    events=chat_lines,
    is_stream=_streams,
    encode=_encode_line,
    stream_type="application/x-ndjson",
)
GENERATE = Dialect(
    name="ollama.generate",
    problem=find_problem,
    read=read_prompt,
    body=generate_body,
    events=generate_lines,
    is_stream=_streams,
    encode=_encode_line,
    stream_type="application/x-ndjson",
)


def _embed(received: Received, _token: str, _memory: Memory) -> Plain:
    request = received.json_object()
    given = request.get("input")
    texts = [as_text(text) for text in as_list(given)] or [as_text(given)]
    asked: JsonObject = {"input": texts, "model": "", "dimensions": _DIMENSIONS}
    vectors = [item["embedding"] for item in openai.embeddings_body(asked)["data"]]
    return Plain(
        body={
            "model": as_text(request.get("model")),
            "embeddings": vectors,
            "total_duration": 35_747_917,
            "load_duration": 11_120_042,
            "prompt_eval_count": sum(count_tokens(text) for text in texts),
        }
    )


def _embed_one(received: Received, token: str, memory: Memory) -> Plain:
    """Answer the forerunner of embed: one prompt, one vector, no count."""
    request = received.json_object()
    asked: JsonObject = {"input": as_text(request.get("prompt")), "model": "", "dimensions": 768}
    del token, memory
    return Plain(body={"embedding": openai.embeddings_body(asked)["data"][0]["embedding"]})


ROUTES = (
    Route(path="/api/chat", vendor=VENDOR, dialect=CHAT),
    Route(path="/api/generate", vendor=VENDOR, dialect=GENERATE),
    Route(path="/api/embed", vendor=VENDOR, answer=_embed, problem=find_problem),
    Route(path="/api/embeddings", vendor=VENDOR, answer=_embed_one, problem=find_problem),
)
