"""OpenAI moderations: a text (or picture) in, categories out. They are free and state no usage.

Follows https://platform.openai.com/docs/api-reference/moderations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts
from llmtrace.wire.plain_format import PlainFormat
from llmtrace.wire.reading import as_list, as_object, as_objects, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.reading import JsonObject


class _Moderations(PlainFormat):
    def input_messages(self, body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
        """Return what is to be judged, each text a user's message."""
        given = body.get("input")
        if isinstance(given, str):
            return [_user(parts.text_part(given))], []
        found: list[Message] = []
        for item in as_list(given):
            part = parts.text_part(item) if isinstance(item, str) else _part(as_object(item))
            if part is not None:
                found.append(_user(part))
        return found, []

    def output_messages(self, body: JsonObject) -> list[Message]:
        """Return one message a judgement: the categories that it found, or none."""
        return [
            Message(role="assistant", parts=(parts.text_part(_verdict(result)),))
            for result in as_objects(body.get("results"))
        ]


def _user(part: parts.Part) -> Message:
    return Message(role="user", parts=(part,))


def _part(item: JsonObject) -> parts.Part | None:
    text = text_of(item.get("text"))
    if text is not None:
        return parts.text_part(text)
    url = text_of(as_object(item.get("image_url")).get("url"))
    return None if url is None else parts.media_part("image", url)


def _verdict(result: JsonObject) -> str:
    found = [name for name, is_found in as_object(result.get("categories")).items() if is_found]
    return "flagged: " + ", ".join(found) if found else "not flagged"


FORMAT: Final = _Moderations("moderations")
