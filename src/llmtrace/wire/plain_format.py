"""What an API has that answers with one JSON object, streams nothing and has no conversation.

Formats of such APIs derive from ``PlainFormat`` and say only where they differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.reading import as_object, error_of, text_of
from llmtrace.wire.sse import Merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.records import Message
    from llmtrace.wire.reading import JsonObject
    from llmtrace.wire.sse import SseEvent


class PlainFormat:
    """Model, id, usage and error under their usual names; no messages, tools or streams."""

    def __init__(self, name: str) -> None:
        """Keep what the API makes, in the plural, for messages to people."""
        self._name = name

    def request_fields(self, body: JsonObject) -> RequestFields:
        """Read the parameters of a request."""
        return RequestFields(model=text_of(body.get("model")))

    def response_fields(self, body: JsonObject) -> ResponseFields:
        """Read an answer."""
        error_type, error_message = error_of(body)
        return ResponseFields(
            id=text_of(body.get("id")),
            model=text_of(body.get("model")),
            usage=as_object(body.get("usage")) or None,
            error_type=error_type,
            error_message=error_message,
            is_complete=True,
        )

    def merge_events(self, events: list[SseEvent]) -> Merged:
        """Say that there are no streams."""
        del events
        return Merged(body={}, is_complete=False, usage_events=0, problem=self._no_streams())

    def input_messages(self, body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
        """Return nothing."""
        del body
        return [], []

    def output_messages(self, body: JsonObject) -> list[Message]:
        """Return nothing."""
        del body
        return []

    def tool_definitions(self, body: JsonObject) -> list[Mapping[str, object]]:
        """Return nothing."""
        del body
        return []

    def synthesize_stream(self, body: Mapping[str, object], *, include_usage: bool) -> NoReturn:
        """Raise ValueError: there are no streams."""
        del body, include_usage
        raise ValueError(self._no_streams())

    def _no_streams(self) -> str:
        return f"{self._name} have no streams"
