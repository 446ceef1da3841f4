"""OpenAI's legacy completions: a prompt in, text out. Pure functions.

Shapes follow https://platform.openai.com/docs/api-reference/completions and recorded traffic.
"""

from __future__ import annotations

from itertools import zip_longest

from llmtrace.testing.provider import openai
from llmtrace.testing.provider.chat import usage_object
from llmtrace.testing.provider.events import (
    Event,
    JsonObject,
    as_list,
    as_object,
    as_text,
    text_pieces,
)
from llmtrace.testing.provider.openai_root import ROOT
from llmtrace.testing.provider.records import Dialect, Prompt, Segment, Turn, UsageFrom
from llmtrace.testing.provider.route import Route

_USUAL_MAX_TOKENS = 16


def find_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what OpenAI answers 400 to; None if there is nothing."""
    for name in ("model", "prompt"):
        if not request.get(name):
            return name, f"you must provide a {name} parameter"
    return None


def read_prompt(request: JsonObject) -> Prompt:
    """Reduce a request to what decides the answer and its token counts."""
    given = request.get("prompt")
    text = given if isinstance(given, str) else " ".join(as_text(item) for item in as_list(given))
    limit = request.get("max_tokens")
    return Prompt(
        segments=(Segment(text=text),),
        user_text=text,
        max_tokens=limit if isinstance(limit, int) else _USUAL_MAX_TOKENS,
    )


def completion_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a plain answer."""
    choices = [
        _choice(index, answer.text, "length" if answer.is_truncated else "stop")
        for index, answer in enumerate(turn.answers)
    ]
    return {**_head(turn), "choices": choices, **turn.usage_field(usage_object(turn.counts))}


def completion_events(turn: Turn) -> list[Event]:
    """Return the chunks of a streamed answer, ``[DONE]`` last; usage only if it is asked for."""
    is_asked = bool(as_object(turn.request.get("stream_options")).get("include_usage"))
    has_usage = is_asked or not isinstance(turn.usage, UsageFrom)
    nothing = {"usage": None} if is_asked else {}
    streams: list[list[JsonObject]] = []
    for index, answer in enumerate(turn.answers):
        words = [_choice(index, piece, None) for piece in text_pieces(answer.text)]
        reason = "length" if answer.is_truncated else "stop"
        streams.append([*words, _choice(index, "", reason)])
    chunks = [
        Event({**_head(turn), "choices": [choice], **nothing})
        for step in zip_longest(*streams)
        for choice in step
        if choice is not None
    ]
    usage = turn.usage_field(usage_object(turn.counts))
    if has_usage and usage:
        chunks.append(Event({**_head(turn), "choices": [], **usage}))
    return [*chunks, Event("[DONE]")]


def _head(turn: Turn) -> JsonObject:
    return {
        "id": f"cmpl-{turn.token[:29]}",
        "object": "text_completion",
        "created": turn.created_at,
        "model": turn.model,
    }


def _choice(index: int, text: str, reason: str | None) -> JsonObject:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": reason}


COMPLETIONS = Dialect(
    name="completions",
    problem=find_problem,
    read=read_prompt,
    body=completion_body,
    events=completion_events,
    choices=lambda request: request.get("n") or 1,
)
ROUTES = (Route(path=f"{ROOT}/completions", vendor=openai.VENDOR, dialect=COMPLETIONS),)
