"""GenAI message attributes for the app's own backend, derived from the redacted bodies.

Our own store keeps the provider's bodies and derives messages when someone looks at them; other
backends expect ``gen_ai.input.messages`` and friends on the span.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llmtrace import semconv, wire
from llmtrace.instrument import guard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.records import Message


def message_attributes(attributes: Mapping[str, object]) -> dict[str, object]:
    """Return the message attributes of a span that has bodies; nothing for one without."""
    api = attributes.get(semconv.API)
    if not isinstance(api, str):
        return {}
    try:
        request = _parsed(attributes.get(semconv.REQUEST_BODY))
        response = _parsed(attributes.get(semconv.RESPONSE_BODY))
        messages, instructions = wire.input_messages(api, request)
        found: dict[str, object] = {
            semconv.INPUT_MESSAGES: _json([_plain(message) for message in messages]),
            semconv.OUTPUT_MESSAGES: _json(
                [_plain(message) for message in wire.output_messages(api, response)]
            ),
            semconv.SYSTEM_INSTRUCTIONS: _json(instructions),
            semconv.TOOL_DEFINITIONS: _json(wire.tool_definitions(api, request)),
        }
    except Exception:  # noqa: BLE001  # the span goes out without messages
        guard.fault("messages")
        return {}
    return {name: value for name, value in found.items() if value is not None}


def _parsed(text: object) -> object:
    if not isinstance(text, str):
        return {}
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _plain(message: Message) -> dict[str, object]:
    plain: dict[str, object] = {"role": message.role, "parts": list(message.parts)}
    if message.finish_reason:
        plain["finish_reason"] = message.finish_reason
    return plain


def _json(value: object) -> str | None:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else None
