"""One stored span as people read it: its conversation, and what each kind of token cost. Pure.

Takes the dictionary of ``queries.span_detail``. Bodies are hostile and may be cut short, so that
what cannot be read is left out and nothing is raised.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from llmtrace import wire
from llmtrace.records import Message

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What went to the model and what came back; all empty if no content was captured."""

    instructions: tuple[Mapping[str, object], ...] = ()
    """Parts of instructions given apart from the messages."""
    input: tuple[Message, ...] = ()
    output: tuple[Message, ...] = ()
    tools: tuple[Mapping[str, object], ...] = ()
    """Tools offered to the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """One kind of token and its price. None is unknown or unpriced."""

    kind: str
    tokens: int | None
    cost_usd: Decimal | None


def conversation(detail: Mapping[str, object]) -> Conversation:
    """Read the messages from the provider's own bodies, else from the span's message attributes."""
    api = detail.get("api")
    if isinstance(api, str) and api in wire.SUPPORTED_APIS:
        request, response = _json(detail.get("request_body")), _json(detail.get("response_body"))
        sent, instructions = wire.input_messages(api, request)
        if sent or instructions or request is not None:
            return Conversation(
                instructions=tuple(instructions),
                input=tuple(sent),
                output=tuple(wire.output_messages(api, response)),
                tools=tuple(wire.tool_definitions(api, request)),
            )
    return Conversation(
        instructions=_parts(_json(detail.get("system_instructions"))),
        input=_messages(_json(detail.get("input_messages"))),
        output=_messages(_json(detail.get("output_messages"))),
        tools=_parts(_json(detail.get("tool_definitions"))),
    )


def cost_lines(detail: Mapping[str, object]) -> list[CostLine]:
    """Return tokens and cost by kind, the kinds that occur only; their sum is the call's cost."""
    tokens_in = _count(detail, "input_tokens")
    read, written = _count(detail, "cache_read_tokens"), _count(detail, "cache_write_tokens")
    fresh = None if tokens_in is None else max(tokens_in - (read or 0) - (written or 0), 0)
    lines = [
        CostLine(kind="Input", tokens=fresh, cost_usd=_money(detail, "cost_input_usd")),
        CostLine(kind="Cache read", tokens=read, cost_usd=_money(detail, "cost_cache_read_usd")),
        CostLine(
            kind="Cache write", tokens=written, cost_usd=_money(detail, "cost_cache_write_usd")
        ),
        CostLine(
            kind="Output (reasoning included)" if _count(detail, "reasoning_tokens") else "Output",
            tokens=_count(detail, "output_tokens"),
            cost_usd=_money(detail, "cost_output_usd"),
        ),
        CostLine(kind="Tools", tokens=None, cost_usd=_money(detail, "cost_tools_usd")),
    ]
    return [line for line in lines if line.tokens or line.cost_usd]


def _count(detail: Mapping[str, object], name: str) -> int | None:
    value = detail.get(name)
    return value if isinstance(value, int) else None


def _money(detail: Mapping[str, object], name: str) -> Decimal | None:
    value = detail.get(name)
    return value if isinstance(value, Decimal) else None


def _json(text: object) -> Any:
    if not isinstance(text, str):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _parts(value: object) -> tuple[Mapping[str, object], ...]:
    if not isinstance(value, list):
        return ()
    items = cast("list[object]", value)
    return tuple(cast("Mapping[str, object]", item) for item in items if isinstance(item, dict))


def _messages(value: object) -> tuple[Message, ...]:
    return tuple(
        Message(role=str(item.get("role", "")), parts=_parts(item.get("parts")))
        for item in _parts(value)
    )
