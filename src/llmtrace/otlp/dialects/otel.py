"""OpenTelemetry's GenAI conventions, in every version: released, coming, and the first ones.

``normalize`` knows the attributes; here are the old forms that are no attributes of the same kind:
messages as span events, flags by other names, a total that tells what was counted where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace import semconv
from llmtrace.otlp.dialects import content
from llmtrace.otlp.dialects.draft import parsed
from llmtrace.otlp.dialects.tokens import STANDARD, settle
from llmtrace.usage.counts import as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.otlp.decode import PlainEvent, PlainSpan
    from llmtrace.otlp.dialects.draft import Draft

TOTAL: Final = semconv.USAGE_TOTAL_OLD
_NAMES: Final = {
    **STANDARD,
    semconv.RESPONSE_FINISH_REASONS: (semconv.FINISH_REASON_OLD,),
    semconv.REQUEST_STREAM: (semconv.IS_STREAMING_OLD, "llm.is_streaming"),
    semconv.CONVERSATION_ID: ("session.id",),
}
_ASKED: Final = {
    semconv.EVENT_SYSTEM: "system",
    semconv.EVENT_USER: "user",
    semconv.EVENT_ASSISTANT: "assistant",
    semconv.EVENT_TOOL: "tool",
}
_DETAILS: Final = semconv.EVENT_DETAILS
_CONTENT: Final = (
    semconv.INPUT_MESSAGES,
    semconv.OUTPUT_MESSAGES,
    semconv.SYSTEM_INSTRUCTIONS,
    semconv.TOOL_DEFINITIONS,
)
_OLD_OPERATIONS: Final = {"completion": semconv.OP_TEXT_COMPLETION, "embedding": "embeddings"}


def knows(span: PlainSpan) -> bool:
    """Say whether the span speaks of generative AI at all."""
    return any(name.startswith(semconv.GEN_AI_PREFIX) for name in span.attributes)


def read(draft: Draft) -> None:
    """Read a span by the conventions."""
    read_conventions(draft)
    settle(draft, total=draft.look(TOTAL))


def read_conventions(draft: Draft) -> None:
    """Read all but the sums, for dialects that are the conventions with a difference."""
    draft.rename_all(_NAMES)
    operation = draft.text(semconv.OPERATION_NAME)
    if operation in _OLD_OPERATIONS:
        draft.overrule(semconv.OPERATION_NAME, _OLD_OPERATIONS[operation])
    reasons = draft.look(semconv.RESPONSE_FINISH_REASONS)
    if isinstance(reasons, str) and isinstance(parsed(reasons), list):
        draft.overrule(semconv.RESPONSE_FINISH_REASONS, parsed(reasons))
    if draft.span.events:
        _read_events(draft)


def _read_events(draft: Draft) -> None:
    asked: list[dict[str, Any]] = []
    answered: list[dict[str, Any]] = []
    for event in draft.span.events:
        if event.name == _DETAILS:
            for name in _CONTENT:
                draft.say(name, event.attributes.get(name))
        elif event.name in _ASKED:
            asked.append(_said(event, _ASKED[event.name]))
        elif event.name == semconv.EVENT_CHOICE:
            answered.append(_choice(event))
        elif event.name == semconv.EVENT_PROMPT:
            content.say_messages(draft, event.attributes.get(semconv.PROMPT_OLD))
        elif event.name == semconv.EVENT_COMPLETION:
            answer = event.attributes.get(semconv.COMPLETION_OLD)
            content.say_messages(draft, answer, answer=True)
    content.say_messages(draft, asked or None)
    content.say_messages(draft, answered or None, answer=True)


def _said(event: PlainEvent, role: str) -> dict[str, Any]:
    found = event.attributes
    said = parsed(found.get("content"))
    return {
        "role": found.get("role", role),
        "content": found.get("content") if said is None else said,
        "tool_calls": parsed(found.get("tool_calls")),
    }


def _choice(event: PlainEvent) -> dict[str, Any]:
    found: Mapping[str, Any] = event.attributes
    message = parsed(found.get("message"))
    reason = found.get("finish_reason")
    said: dict[str, Any] = {"role": "assistant", "finish_reason": reason}
    if isinstance(message, dict):
        return {**said, **as_mapping(cast("object", message))}
    if isinstance(message, list):
        return {**said, "content": cast("list[object]", message)}
    return {**said, "content": found.get("message") or found.get("content")}
