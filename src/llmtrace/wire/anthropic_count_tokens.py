"""Anthropic's token counting: a message's request, and how many tokens it would be.

Follows https://docs.anthropic.com/en/api/messages-count-tokens. Nothing is inferred and nothing is
billed: the count is no usage, and stays in the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.wire import anthropic_messages
from llmtrace.wire.plain_format import PlainFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.records import Message
    from llmtrace.wire.fields import RequestFields
    from llmtrace.wire.reading import JsonObject


class _CountTokens(PlainFormat):
    def request_fields(self, body: JsonObject) -> RequestFields:
        """Read the parameters of a request."""
        return anthropic_messages.request_fields(body)

    def input_messages(self, body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
        """Return what is counted."""
        return anthropic_messages.input_messages(body)

    def tool_definitions(self, body: JsonObject) -> list[Mapping[str, object]]:
        """Return the tools, which are counted too."""
        return anthropic_messages.tool_definitions(body)


FORMAT: Final = _CountTokens("token counts")
