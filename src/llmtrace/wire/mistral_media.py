"""Mistral's OCR and transcriptions: documents or sound in, text out; neither is ever kept.

Follows https://docs.mistral.ai/api/endpoint/ocr and …/audio/transcriptions. OCR is billed by pages,
which ``usage_info`` counts. A transcription states its tokens and its seconds of sound; its stream
ends with all of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.mistral_chat import detail_of
from llmtrace.wire.plain_format import PlainFormat
from llmtrace.wire.reading import as_object, as_objects, length_of, text_of
from llmtrace.wire.sse import Merged, encode_event, json_events, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.fields import ResponseFields
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent

_DONE: Final = "transcription.done"
_DELTA: Final = "transcription.text.delta"


class _Ocr(PlainFormat):
    """Pages of markdown."""

    def response_fields(self, body: JsonObject) -> ResponseFields:
        """Read an answer."""
        detail = detail_of(body)
        fields = super().response_fields(body)
        return replace(
            fields,
            usage=as_object(body.get("usage_info")) or None,
            error_type=fields.error_type or (None if detail is None else "error"),
            error_message=fields.error_message or detail,
            output_text_chars=sum(
                length_of(page.get("markdown")) for page in as_objects(body.get("pages"))
            ),
        )

    def output_messages(self, body: JsonObject) -> list[Message]:
        """Return each page as a part of one message."""
        texts = [text_of(page.get("markdown")) for page in as_objects(body.get("pages"))]
        found = tuple(parts.text_part(text) for text in texts if text)
        return [Message(role="assistant", parts=found)] if found else []


class _Transcription(PlainFormat):
    """Text, plain or by pieces."""

    def response_fields(self, body: JsonObject) -> ResponseFields:
        """Read an answer."""
        detail = detail_of(body)
        fields = super().response_fields(body)
        return replace(
            fields,
            error_type=fields.error_type or (None if detail is None else "error"),
            error_message=fields.error_message or detail,
            output_text_chars=length_of(body.get("text")),
        )

    def output_messages(self, body: JsonObject) -> list[Message]:
        """Return what was heard."""
        text = text_of(body.get("text"))
        return [Message(role="assistant", parts=(parts.text_part(text),))] if text else []

    def merge_events(self, events: list[SseEvent]) -> Merged:
        """Put a stream together: its last event, else the pieces."""
        parsed = json_events(events)
        body: dict[str, object] = {}
        texts: list[str] = []
        is_complete = False
        for event in parsed.objects:
            kind = event.get("type")
            if kind == _DELTA:
                texts.append(text_of(event.get("text")) or "")
            elif kind == _DONE:
                is_complete = True
                body.update({key: value for key, value in event.items() if key != "type"})
            elif kind is None:  # an error in place of an event
                body.update(event)
        body.setdefault("text", "".join(texts))
        return Merged(
            body=body,
            is_complete=is_complete,
            usage_events=int(bool(body.get("usage"))),
            problem=parsed.problem,
        )

    def synthesize_stream(  # pyright: ignore[reportIncompatibleMethodOverride]  # this one streams
        self, body: Mapping[str, object], *, include_usage: bool
    ) -> list[bytes]:
        """Take an answer apart into events; ``include_usage`` changes nothing."""
        del include_usage
        return [
            *(
                encode_event({"type": _DELTA, "text": piece}, _DELTA)
                for piece in pieces(text_of(body.get("text")) or "")
            ),
            encode_event({**body, "type": _DONE}, _DONE),
        ]


OCR: Final = _Ocr("documents")
TRANSCRIPTION: Final = _Transcription("transcriptions")
