"""Chat completion chunks: put together into a completion, and a completion taken apart.

Tolerates what providers really send: no index on tool calls or one index for all of them, the
id and name of a call repeated in every chunk, ``choices`` null, usage on every chunk, an error
in place of a chunk, content as a list of blocks (Mistral), vendors' fields anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    int_of,
    is_list,
    is_object,
    merge_objects,
    text_of,
)
from llmtrace.wire.sse import DONE, Merged, encode_event, json_events, pieces

if TYPE_CHECKING:
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_FIRST_KEYS: Final[tuple[str, ...]] = ("id", "object", "created", "model")
_PADDING_KEYS: Final = frozenset({"obfuscation", "p"})
"""Noise against guessing a chunk's content by its length: OpenAI's name and Mistral's."""
_GROWING_CALL_KEYS: Final = frozenset({"arguments", "input"})


class _Choice:
    """One choice on its way; texts are kept in pieces until the end."""

    __slots__ = (
        "call_of_id",
        "calls",
        "extra",
        "finish_reason",
        "latest_call",
        "logprobs",
        "message",
        "texts",
    )

    def __init__(self) -> None:
        self.message: dict[str, object] = {"role": "assistant", "content": None}
        self.texts: dict[str, list[str]] = {}
        self.calls: list[_Call] = []
        self.call_of_id: dict[tuple[int | None, str], _Call] = {}
        self.latest_call: dict[int | None, _Call] = {}
        self.extra: dict[str, object] = {}
        self.logprobs: dict[str, object] | None = None
        self.finish_reason: str | None = None

    def add(self, choice: JsonObject) -> None:
        for key, value in choice.items():
            if key == "delta":
                self.add_delta(as_object(value))
            elif key == "finish_reason":
                self.finish_reason = text_of(value) or self.finish_reason
            elif key == "logprobs":
                self.add_logprobs(value)
            # Perplexity sends the whole message so far beside each delta
            elif key not in {"index", "message"} and (value is not None or key not in self.extra):
                self.extra[key] = value

    def add_delta(self, delta: JsonObject) -> None:
        for key, value in delta.items():
            if key == "tool_calls":
                for call in as_objects(value):
                    self.add_call(call)
            elif value is None:
                self.message.setdefault(key, None)
            elif key == "role":
                self.message[key] = value
            elif isinstance(value, str):
                self.add_text(key, value)
            elif is_list(value):
                self.add_list(key, value)
            elif is_object(value):
                self.add_object(key, value)
            else:
                self.message[key] = value

    def add_text(self, key: str, text: str) -> None:
        known = self.message.get(key)
        if isinstance(known, list):
            _add_block(cast("list[object]", known), {"type": "text", "text": text})
            return
        if key not in self.texts:
            self.texts[key] = []
            self.message[key] = ""
        self.texts[key].append(text)

    def add_list(self, key: str, items: object) -> None:
        known = self.message.get(key)
        if isinstance(known, list):
            blocks = cast("list[object]", known)
        else:
            text = "".join(self.texts.pop(key, ()))
            blocks = list[object]()
            if text:
                blocks.append({"type": "text", "text": text})
            self.message[key] = blocks
        for item in as_list(items):
            _add_block(blocks, item)

    def add_object(self, key: str, piece: JsonObject) -> None:
        known = self.message.get(key)
        into = cast("dict[str, object]", known) if isinstance(known, dict) else {}
        self.message[key] = into
        # audio.data and audio.transcript, function_call.arguments grow; ids and names do not
        _grow(into, piece, growing=frozenset({"data", "transcript", "arguments"}))

    def add_call(self, piece: JsonObject) -> None:
        """Let a piece go on with its call.

        Gateways to Gemini number every parallel call 0, Mistral leaves the index out: a new id
        is a new call. A piece with neither goes on with the latest call.
        """
        index, call_id = int_of(piece.get("index")), text_of(piece.get("id"))
        found = self.call_of_id.get((index, call_id)) if call_id else None
        if found is None:
            found = self.latest_call.get(index)
            if found is None and index is None and self.calls:
                found = self.calls[-1]
            if found is None or (call_id and found.call.get("id")):
                found = _Call()
                self.calls.append(found)
            self.latest_call[index] = found
            if call_id:
                self.call_of_id[index, call_id] = found
        found.add(piece)

    def add_logprobs(self, value: object) -> None:
        if not is_object(value):
            return
        if self.logprobs is None:
            self.logprobs = {}
        for key, tokens in value.items():
            known = as_list(self.logprobs.get(key))
            self.logprobs[key] = [*known, *as_list(tokens)] if tokens is not None or known else None

    def finished(self, index: int) -> dict[str, object]:
        message = self.message
        for key, texts in self.texts.items():
            message[key] = "".join(texts)
        if self.calls:
            message["tool_calls"] = [call.finished() for call in self.calls]
        return {
            "index": index,
            "message": message,
            "finish_reason": self.finish_reason,
            "logprobs": self.logprobs,
            **self.extra,
        }


class _Call:
    """One tool call on its way."""

    __slots__ = ("arguments", "call")

    def __init__(self) -> None:
        self.call: dict[str, object] = {}
        self.arguments: list[tuple[str, str, str]] = []

    def add(self, piece: JsonObject) -> None:
        for key, value in piece.items():
            if key == "index":
                continue
            if is_object(value) and key in {"function", "custom"}:
                inner = self.call.setdefault(key, {})
                if isinstance(inner, dict):
                    self.add_inner(
                        key,
                        cast("dict[str, object]", inner),
                        value,
                    )
            elif value not in (None, ""):
                self.call[key] = value

    def add_inner(self, outer: str, inner: dict[str, object], piece: JsonObject) -> None:
        for key, value in piece.items():
            if key in _GROWING_CALL_KEYS and isinstance(value, str):
                inner.setdefault(key, "")
                self.arguments.append((outer, key, value))
            elif (
                key == "name" and isinstance(value, str) and inner.get("name") not in (None, value)
            ):
                inner[key] = f"{inner[key]}{value}"
            elif value is not None or key not in inner:
                inner[key] = value

    def finished(self) -> dict[str, object]:
        grown: dict[tuple[str, str], list[str]] = {}
        for outer, key, text in self.arguments:
            grown.setdefault((outer, key), []).append(text)
        for (outer, key), texts in grown.items():
            cast("dict[str, object]", self.call[outer])[key] = "".join(texts)
        self.call.setdefault("type", "custom" if "custom" in self.call else "function")
        return self.call


def _grow(into: dict[str, object], piece: JsonObject, *, growing: frozenset[str]) -> None:
    for key, value in piece.items():
        known = into.get(key)
        if key in growing and isinstance(known, str) and isinstance(value, str):
            into[key] = known + value
        elif value is not None or key not in into:
            into[key] = value


def _add_block(blocks: list[object], item: object) -> None:
    """Append one entry of a list in a delta, or let it go on with the entry it belongs to."""
    block = as_object(item)
    if not block:
        blocks.append(item)
        return
    last = as_object(blocks[-1] if blocks else None)
    if not last or last.get("type") != block.get("type") or last.get("index") != block.get("index"):
        blocks.append(dict(block))
        return
    kind = text_of(block.get("type"))
    if kind == "thinking" and isinstance(last.get("thinking"), list):
        cast("list[object]", last["thinking"]).extend(as_list(block.get("thinking")))
    elif kind == "text" or "index" in block:
        _grow(
            cast("dict[str, object]", last),
            block,
            growing=frozenset({"text", "summary", "data"}),
        )
    else:
        blocks.append(dict(block))


def merge_events(events: list[SseEvent]) -> Merged:
    """Put the chunks of a stream together into one completion."""
    parsed = json_events(events)
    top: dict[str, object] = {"id": None, "object": None, "created": None, "model": None}
    usage: dict[str, object] = {}
    choices: dict[int, _Choice] = {}
    usage_events = 0
    for chunk in parsed.objects:
        for key, value in chunk.items():
            if key == "choices":
                for choice in as_objects(value):
                    index = int_of(choice.get("index")) or 0
                    if index not in choices:
                        choices[index] = _Choice()
                    choices[index].add(choice)
            elif key == "usage":
                if is_object(value) and value:
                    usage_events += 1
                    merge_objects(usage, value)
            elif key not in top or (value is not None and value != top[key]):
                _lay(top, key, value)
    top["object"] = "chat.completion"
    top["choices"] = [choices[index].finished(index) for index in sorted(choices)]
    if usage:
        top["usage"] = usage
    groq = as_object(top.get("x_groq")).get("usage")
    has_ended = bool(choices) and all(choice.finish_reason for choice in choices.values())
    return Merged(
        body=top,
        # Perplexity never says [DONE]; with an end and usage of every choice nothing is missing
        is_complete=parsed.is_done or (has_ended and bool(usage or groq)),
        usage_events=usage_events,
        problem=parsed.problem,
    )


def _lay(top: dict[str, object], key: str, value: object) -> None:
    """Take over a field that stands beside the choices."""
    known = top.get(key)
    if key in _FIRST_KEYS:
        # the first chunk of Azure leaves them empty; later chunks of others change ``created``
        top[key] = known or value
    elif is_object(value):
        into = cast("dict[str, object]", known) if isinstance(known, dict) else {}
        merge_objects(into, value)
        top[key] = into
    elif key not in _PADDING_KEYS and (value not in (None, "") or key not in top):
        top[key] = value


def synthesize_stream(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """Take a completion apart into the chunks of a stream."""
    base: dict[str, object] = {key: body.get(key) for key in _FIRST_KEYS}
    base["object"] = "chat.completion.chunk"
    base |= {key: body[key] for key in ("service_tier", "system_fingerprint") if key in body}
    extra = {
        key: value
        for key, value in body.items()
        if key not in base and key not in {"choices", "usage", "error"}
    }
    chunks: list[dict[str, object]] = []
    for position, choice in enumerate(as_objects(body.get("choices"))):
        index = int_of(choice.get("index"))
        chunks.extend(_choice_chunks(choice, position if index is None else index))
    events = [encode_event({**base, "choices": [chunk]}) for chunk in chunks]
    if extra and chunks:
        # what stands beside the choices is told once, where the SDK's accumulator looks
        events[0] = encode_event({**base, **extra, "choices": [chunks[0]]})
    if include_usage and isinstance(body.get("usage"), dict):
        events.append(encode_event({**base, "choices": [], "usage": body["usage"]}))
    if body.get("error") is not None:
        return [*events, encode_event({"error": body["error"]})]
    return [*events, b"data: " + DONE + b"\n\n"]


def _choice_chunks(choice: JsonObject, index: int) -> list[dict[str, object]]:
    message = as_object(choice.get("message"))
    first: dict[str, object] = {"role": message.get("role", "assistant")}
    deltas: list[dict[str, object]] = [first]
    for key, value in message.items():
        if key in {"role", "tool_calls"}:
            continue
        if isinstance(value, str):
            first[key] = ""
            deltas.extend({key: piece} for piece in pieces(value))
        elif isinstance(value, list | dict):
            deltas.append({key: value})
        else:
            first[key] = value
    for number, call in enumerate(as_objects(message.get("tool_calls"))):
        deltas.extend({"tool_calls": [piece]} for piece in _call_pieces(call, number))
    chunks: list[dict[str, object]] = [
        {"index": index, "delta": delta, "finish_reason": None} for delta in deltas
    ]
    last = {key: value for key, value in choice.items() if key not in {"index", "message"}}
    chunks.append({"finish_reason": None, **last, "index": index, "delta": {}})
    return chunks


def _call_pieces(call: JsonObject, number: int) -> list[dict[str, object]]:
    kind = "custom" if isinstance(call.get("custom"), dict) else "function"
    key = "input" if kind == "custom" else "arguments"
    inner = as_object(call.get(kind))
    grown = inner.get(key)
    first = {
        **call,
        "index": number,
        kind: {**inner, key: "" if grown is not None else None},
    }
    rest = pieces(grown) if isinstance(grown, str) else []
    return [first, *({"index": number, kind: {key: piece}} for piece in rest)]
