"""Ollama's own API: chat, generate and embed; streams are lines of JSON.

Follows https://docs.ollama.com/api. The counts stand at the top level of the (last) answer. Chat
and generate differ in where the text stands; one reader serves both, told apart by ``message``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from llmtrace.records import Message
from llmtrace.wire import parts, vectors
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.plain_format import PlainFormat
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    bool_of,
    float_of,
    int_of,
    is_object,
    length_of,
    text_of,
    texts_of,
)
from llmtrace.wire.sse import Merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.parts import Part
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_COUNTS: Final = (
    "prompt_eval_count",
    "eval_count",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
)
_SAID: Final = frozenset({"message", "response", "thinking"})
_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})
_VECTORS: Final = ("embeddings", "embedding")


def request_fields(body: JsonObject) -> RequestFields:
    """Read the parameters of a request; sampling is under ``options``."""
    options = as_object(body.get("options"))
    wants = body.get("format")
    return RequestFields(
        model=text_of(body.get("model")),
        max_tokens=int_of(options.get("num_predict")),
        temperature=float_of(options.get("temperature")),
        top_p=float_of(options.get("top_p")),
        top_k=int_of(options.get("top_k")),
        seed=int_of(options.get("seed")),
        frequency_penalty=float_of(options.get("frequency_penalty")),
        presence_penalty=float_of(options.get("presence_penalty")),
        stop_sequences=texts_of(options.get("stop")),
        is_stream=bool_of(body.get("stream")),
        output_type="json" if wants == "json" or is_object(wants) else None,
        dimensions=int_of(body.get("dimensions")),
    )


def response_fields(body: JsonObject) -> ResponseFields:
    """Read an answer; an error is a text, or an object at OpenAI's likeness."""
    error = body.get("error")
    message = text_of(error) or text_of(as_object(error).get("message"))
    reason = text_of(body.get("done_reason"))
    counts = {name: body[name] for name in _COUNTS if body.get(name) is not None}
    said = as_object(body.get("message"))
    return ResponseFields(
        model=text_of(body.get("model")),
        finish_reasons=() if reason is None else (reason,),
        usage=counts or None,
        error_type="error" if error else None,
        error_message=message,
        is_complete=True,
        output_text_chars=sum(
            length_of(where.get(name))
            for where in (said, body)
            for name in ("content", "response", "thinking")
        )
        + _arguments(said),
    )


def _arguments(message: JsonObject) -> int:
    calls = as_objects(message.get("tool_calls"))
    return sum(len(json.dumps(as_object(c.get("function")).get("arguments"))) for c in calls)


def parse_lines(data: bytes) -> list[SseEvent]:
    """Return each line as an event."""
    return [("", line) for line in data.split(b"\n") if line.strip()]


def looks_like_lines(data: bytes) -> bool:
    """Say whether ``data`` is a stream: more lines than one, or one that is not the last."""
    first, _, rest = data.strip().partition(b"\n")
    return bool(rest.strip()) or b'"done":false' in first.replace(b" ", b"")


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the lines of a stream together: texts joined, everything else as the last line says."""
    merging = _Merging()
    problem = None
    for number, (_, line) in enumerate(events):
        try:
            part: object = json.loads(line)
        except (ValueError, RecursionError):
            if number == len(events) - 1:
                break  # cut in two: that is no problem of the format
            part = None
        if is_object(part):
            merging.add(part)
        else:
            problem = "a line is not a JSON object"
    return merging.merged(problem)


class _Merging:
    """The answer so far."""

    def __init__(self) -> None:
        self._body: dict[str, Any] = {}
        self._message: dict[str, Any] = {}
        self._is_complete = False
        self._usage_events = 0

    def add(self, part: JsonObject) -> None:
        """Take one line in."""
        rest = {name: value for name, value in part.items() if name not in _SAID}
        self._body.update(rest)
        self._is_complete = self._is_complete or part.get("done") is True
        self._usage_events += "eval_count" in part
        for name in ("response", "thinking"):
            _join(self._body, name, part.get(name))
        said = as_object(part.get("message"))
        if not said:
            return
        self._message.setdefault("role", said.get("role"))
        for name in ("content", "thinking"):
            _join(self._message, name, said.get(name))
        if calls := as_list(said.get("tool_calls")):
            self._message.setdefault("tool_calls", []).extend(calls)

    def merged(self, problem: str | None) -> Merged:
        """Return what there is."""
        body = dict(self._body)
        if self._message:
            body["message"] = self._message
        return Merged(
            body=body,
            is_complete=self._is_complete,
            usage_events=self._usage_events,
            problem=problem,
        )


def _join(whole: dict[str, Any], name: str, text: object) -> None:
    if isinstance(text, str) and (text or name != "thinking"):
        whole[name] = whole.get(name, "") + text


def input_messages(body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the conversation, or the prompt as one, and the system text given apart from it."""
    messages = [_message(message) for message in as_objects(body.get("messages"))]
    prompt = text_of(body.get("prompt"))
    if prompt is not None:
        images = [_image(image) for image in as_list(body.get("images"))]
        messages.append(Message(role="user", parts=(parts.text_part(prompt), *images)))
    system = text_of(body.get("system"))
    return messages, [parts.text_part(system)] if system else []


def _message(message: JsonObject, reason: str | None = None) -> Message:
    role = text_of(message.get("role")) or "user"
    content = text_of(message.get("content"))
    if role == "tool":
        answer = parts.tool_response_part(message.get("tool_name"), content or "")
        return Message(role="tool", parts=(answer,))
    found: list[Part] = []
    if thinking := text_of(message.get("thinking")):
        found.append(parts.reasoning_part(thinking))
    if content:
        found.append(parts.text_part(content))
    found += [_image(image) for image in as_list(message.get("images"))]
    for call in as_objects(message.get("tool_calls")):
        function = as_object(call.get("function"))
        found.append(
            parts.tool_call_part(call.get("id"), function.get("name"), function.get("arguments"))
        )
    return Message(
        role=role if role in _ROLES else "user", parts=tuple(found), finish_reason=reason
    )


def _image(image: object) -> Part:
    return parts.blob_part("image", image, None)


def output_messages(body: JsonObject) -> list[Message]:
    """Return what the model answered."""
    reason = text_of(body.get("done_reason"))
    said = as_object(body.get("message"))
    if said:
        return [_message({"role": "assistant", **said}, reason)]
    if not any(text_of(body.get(name)) for name in ("response", "thinking")):
        return []
    plain = {"role": "assistant", "content": body.get("response"), "thinking": body.get("thinking")}
    return [_message(plain, reason)]


def tool_definitions(body: JsonObject) -> list[Mapping[str, object]]:
    """Return the tools offered to the model."""
    found: list[Mapping[str, object]] = []
    for tool in as_objects(body.get("tools")):
        kind = text_of(tool.get("type")) or "function"
        found.append({"type": kind, **as_object(tool.get("function"))})
    return found


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Return lines from which the SDK rebuilds ``body``; usage is always stated."""
    del include_usage
    head = {name: body[name] for name in ("model", "created_at") if name in body}
    said = as_object(body.get("message"))
    if said:
        first: dict[str, object] = {**head, "message": dict(said), "done": False}
        last: dict[str, object] = {**body, "message": {"role": "assistant", "content": ""}}
    else:
        texts = {name: body[name] for name in ("response", "thinking") if name in body}
        first = {**head, **texts, "done": False}
        last = {name: value for name, value in body.items() if name != "thinking"}
        last["response"] = ""
    last["done"] = True
    return [json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in (first, last)]


class _Embed(PlainFormat):
    """``/api/embed`` and its forerunner: vectors, which are never kept."""

    def request_fields(self, body: JsonObject) -> RequestFields:
        """Read the parameters of a request."""
        return request_fields(body)

    def response_fields(self, body: JsonObject) -> ResponseFields:
        """Read an answer."""
        return response_fields(body)

    def input_messages(self, body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
        """Return each text to embed as a message."""
        texts = texts_of(body.get("input")) or texts_of(body.get("prompt")) or ()
        return [Message(role="user", parts=(parts.text_part(text),)) for text in texts], []

    def strip_vectors(self, body: JsonObject) -> JsonObject:
        """Return ``body`` with each vector replaced by its number of dimensions."""
        return {**body, **{name: vectors.strip(body[name]) for name in _VECTORS if name in body}}

    def strip_vectors_json(self, body: bytes) -> bytes:
        """Do the same to JSON that is not parsed, without building a float."""
        return vectors.strip_json(body)


EMBED: Final = _Embed("embeddings")
