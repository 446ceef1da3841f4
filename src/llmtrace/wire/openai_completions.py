"""OpenAI's legacy completions, and every provider that speaks their format: a prompt goes on.

Follows https://platform.openai.com/docs/api-reference/completions. A stream is made of chunks of
the same shape as the plain answer, ends with ``[DONE]`` and states usage only if asked to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import openai_chat, parts
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    int_of,
    is_list,
    length_of,
    merge_objects,
    text_of,
)
from llmtrace.wire.sse import DONE, Merged, encode_event, json_events, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.fields import RequestFields, ResponseFields
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_MAX_CHOICES: Final = 1_000


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request; they are named as those of chat."""
    return replace(openai_chat.request_fields(body), output_type="text")


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    written = sum(length_of(choice.get("text")) for choice in as_objects(body.get("choices")))
    return replace(openai_chat.response_fields(body), output_text_chars=written)


@dataclass(slots=True)
class _Choice:
    """One choice of a stream, growing."""

    rest: dict[str, object] = field(default_factory=dict[str, object])
    texts: list[str] = field(default_factory=list[str])

    def add(self, piece: JsonObject) -> None:
        merge_objects(self.rest, {key: piece[key] for key in piece if key != "text"})
        text = piece.get("text")
        if isinstance(text, str):
            self.texts.append(text)

    def whole(self, index: int) -> dict[str, object]:
        return {**self.rest, "index": index, "text": "".join(self.texts)}


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the chunks of a stream together."""
    found = json_events(events)
    body: dict[str, object] = {}
    choices: dict[int, _Choice] = {}
    usage_events = 0
    for chunk in found.objects:
        usage_events += bool(as_object(chunk.get("usage")))
        merge_objects(body, {key: chunk[key] for key in chunk if key != "choices"})
        for piece in as_objects(chunk.get("choices")):
            index = int_of(piece.get("index")) or 0
            if index in choices or len(choices) < _MAX_CHOICES:
                choices.setdefault(index, _Choice()).add(piece)
    if choices:
        body["choices"] = [choices[index].whole(index) for index in sorted(choices)]
    ended = bool(choices) and all(each.rest.get("finish_reason") for each in choices.values())
    return Merged(
        body=body,
        # As with chat: some never say [DONE], but with an end and usage nothing is missing.
        is_complete=found.is_done or (ended and bool(as_object(body.get("usage")))),
        usage_events=usage_events,
        problem=found.problem,
    )


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return each prompt as a user's message; one sent as tokens is told by their number."""
    given = body.get("prompt")
    if isinstance(given, str):
        return [_user(parts.text_part(given))], []
    items = as_list(given)
    if items and all(isinstance(item, int) for item in items):
        return [_tokens(len(items))], []
    found: list[Message] = []
    for item in items:
        if isinstance(item, str):
            found.append(_user(parts.text_part(item)))
        elif is_list(item):
            found.append(_tokens(len(as_list(item))))
    return found, []


def _user(part: parts.Part) -> Message:
    return Message(role="user", parts=(part,))


def _tokens(count: int) -> Message:
    return _user({"type": "tokens", "count": count})


def output_messages(body: JsonObject) -> list[Message]:
    """Return one message a choice."""
    return [
        Message(
            role="assistant",
            parts=(parts.text_part(text_of(choice.get("text")) or ""),),
            finish_reason=text_of(choice.get("finish_reason")),
        )
        for choice in as_objects(body.get("choices"))
    ]


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return nothing: legacy completions take no tools."""
    del body
    return []


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Return server-sent events from which an SDK rebuilds ``body``."""
    head = {key: body[key] for key in body if key not in {"choices", "usage"}}
    events: list[bytes] = []
    for choice in as_objects(body.get("choices")):
        rest = {key: choice[key] for key in choice if key not in {"text", "finish_reason"}}
        events += [
            encode_event({**head, "choices": [{**rest, "text": piece, "finish_reason": None}]})
            for piece in pieces(text_of(choice.get("text")) or "")
        ]
        end = {**rest, "text": "", "finish_reason": choice.get("finish_reason")}
        events.append(encode_event({**head, "choices": [end]}))
    if include_usage and body.get("usage") is not None:
        events.append(encode_event({**head, "choices": [], "usage": body["usage"]}))
    return [*events, b"data: " + DONE + b"\n\n"]
