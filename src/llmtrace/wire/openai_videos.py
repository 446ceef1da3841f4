"""OpenAI videos: a job that is asked for, looked at until it is done, and billed by the second.

Follows https://platform.openai.com/docs/api-reference/videos. The answer to the request that starts
a job says how many seconds it will have; it is the one that counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.plain_format import PlainFormat
from llmtrace.wire.reading import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.fields import ResponseFields
    from llmtrace.wire.reading import JsonObject


class _Videos(PlainFormat):
    def response_fields(self, body: JsonObject) -> ResponseFields:
        """Read an answer; its seconds are its usage, for it states no other."""
        found = super().response_fields(body)
        status = text_of(body.get("status"))
        seconds = body.get("seconds")
        if found.usage is None and seconds is not None and status != "failed":
            found = replace(found, usage={"seconds": seconds})
        return replace(found, finish_reasons=() if status is None else (status,))

    def input_messages(self, body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
        """Return the prompt as a user's message."""
        prompt = text_of(body.get("prompt"))
        return [] if prompt is None else [
            Message(role="user", parts=(parts.text_part(prompt),))
        ], []


FORMAT: Final = _Videos("videos")
