"""Bodies of models on Bedrock that have a format of their own, all of it text in, text out.

Titan, Llama, Mistral's older models, Cohere's Command, Jurassic, DeepSeek R1, Claude's text
completions; embeddings and reranks too. They differ in names, not in shape: a prompt, a flat set of
parameters, one text or a list of them. Follows
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import (
    as_object,
    as_objects,
    float_of,
    int_of,
    is_list,
    is_object,
    merge_objects,
    text_of,
    texts_of,
)
from llmtrace.wire.sse import Merged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmtrace.wire.reading import JsonObject

_PROMPTS: Final = ("inputText", "prompt", "message", "query")
_LIMITS: Final = ("max_tokens", "max_gen_len", "maxTokenCount", "max_tokens_to_sample", "maxTokens")
_STOPS: Final = ("stop_sequences", "stopSequences", "stop")
_TEXTS: Final = ("outputText", "generation", "completion", "text")
_LISTS: Final = ("results", "outputs", "generations", "completions", "choices")
_REASONS: Final = ("completionReason", "stop_reason", "finish_reason", "finishReason")
_COUNTS: Final = (
    "inputTextTokenCount",
    "totalOutputTextTokenCount",
    "prompt_token_count",
    "generation_token_count",
)


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request, under whichever of its names the model has them."""
    config = {**body, **as_object(body.get("textGenerationConfig"))}
    return RequestFields(
        max_tokens=int_of(_first(config, _LIMITS)),
        temperature=float_of(config.get("temperature")),
        top_p=float_of(_first(config, ("top_p", "topP", "p"))),
        top_k=int_of(_first(config, ("top_k", "topK", "k"))),
        seed=int_of(config.get("seed")),
        stop_sequences=texts_of(_first(config, _STOPS)),
        dimensions=int_of(config.get("dimensions")),
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer."""
    texts = _texts(body)
    usage: dict[str, object] = {key: body[key] for key in _COUNTS if body.get(key) is not None}
    counted = [int_of(item.get("tokenCount")) for item in as_objects(body.get("results"))]
    if any(count is not None for count in counted):
        usage["tokenCount"] = sum(count or 0 for count in counted)
    return ResponseFields(
        id=text_of(body.get("id")) or text_of(body.get("generation_id")),
        finish_reasons=tuple(reason for _, reason in texts if reason is not None),
        usage=usage or None,
        is_complete=True,
        output_text_chars=sum(len(text) for text, _ in texts),
    )


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the prompt as one user message; texts to embed are its parts."""
    given = _first(body, _PROMPTS)
    texts = (given,) if isinstance(given, str) else (texts_of(body.get("texts")) or ())
    found = tuple(parts.text_part(text) for text in texts)
    return ([Message(role="user", parts=found)] if found else []), []


def output_messages(body: JsonObject) -> list[Message]:
    """Return one message a text."""
    return [
        Message(role="assistant", parts=(parts.text_part(text),), finish_reason=reason)
        for text, reason in _texts(body)
        if text or reason
    ]


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return Command's tools; the other models here have none."""
    return [{"type": "function", **tool} for tool in as_objects(body.get("tools"))]


def merge_objects_of_stream(events: Sequence[JsonObject]) -> Merged:
    """Put the parsed chunks of a stream together: texts are joined, else the last value wins."""
    body: dict[str, object] = {}
    texts: dict[str, list[str]] = {}
    items: dict[int, tuple[dict[str, object], list[str]]] = {}
    kind = ""
    usage_events = 0
    for event in events:
        usage_events += any(event.get(key) is not None for key in _COUNTS)
        for key, value in event.items():
            if key in _TEXTS and isinstance(value, str):
                texts.setdefault(key, []).append(value)
            elif key in _LISTS and is_list(value):
                kind = key
                _add_items(items, value)
            else:
                merge_objects(body, {key: value})
    body |= {key: "".join(found) for key, found in texts.items()}
    if items:
        body[kind] = [_finished(*items[index]) for index in sorted(items)]
    is_complete = any(reason for _, reason in _texts(body))
    return Merged(body=body, is_complete=is_complete, usage_events=usage_events)


def _add_items(items: dict[int, tuple[dict[str, object], list[str]]], value: object) -> None:
    """Lay a chunk's list over what the chunks before it said, item by item."""
    for position, item in enumerate(as_objects(value)):
        index = int_of(item.get("index"))
        known, written = items.setdefault(position if index is None else index, ({}, []))
        for key, field in item.items():
            if key in _TEXTS and isinstance(field, str):
                written.append(field)
            merge_objects(known, {key: field})


def _finished(item: dict[str, object], written: list[str]) -> dict[str, object]:
    key = next((name for name in _TEXTS if name in item), None)
    return {**item, key: "".join(written)} if key is not None else item


def _texts(body: JsonObject) -> list[tuple[str, str | None]]:
    """Return (text, reason it ended) of everything the model wrote."""
    for key in _LISTS:
        items = as_objects(body.get(key))
        if items and (key != "results" or "outputText" in items[0]):
            return [(_text(item), _reason(item)) for item in items]
    if any(isinstance(body.get(key), str) for key in _TEXTS):
        return [(_text(body), _reason(body))]
    return []


def _text(item: JsonObject) -> str:
    inner = as_object(item.get("data"))
    return text_of(_first(item, _TEXTS)) or text_of(inner.get("text")) or ""


def _reason(item: JsonObject) -> str | None:
    found = _first(item, _REASONS)
    return text_of(found.get("reason")) if is_object(found) else text_of(found)


def _first(body: JsonObject, names: Sequence[str]) -> object:
    return next((body[name] for name in names if body.get(name) is not None), None)
