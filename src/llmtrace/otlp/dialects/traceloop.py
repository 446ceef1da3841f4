"""Traceloop's OpenLLMetry, old and new, and whoever took over its names.

Old: ``llm.request.type``, ``gen_ai.usage.prompt_tokens``, ``gen_ai.prompt.0.content``; new: the
conventions. Anthropic's input has held the cache since OpenLLMetry reads the cache at all. Spans of
its decorators (``traceloop.span.kind``) are structure and never count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.dialects import content, otel
from llmtrace.otlp.dialects.tokens import settle

if TYPE_CHECKING:
    from llmtrace.otlp.decode import PlainSpan
    from llmtrace.otlp.dialects.draft import Draft

_SCOPES: Final = "opentelemetry.instrumentation."
_MARKS: Final = ("traceloop.", "llm.request.type", "llm.usage.", semconv.PROMPT_FIRST_OLD)
_KINDS: Final = {
    "workflow": semconv.OP_INVOKE_WORKFLOW,
    "task": "task",
    "agent": semconv.OP_INVOKE_AGENT,
    "tool": semconv.OP_EXECUTE_TOOL,
}
_TYPES: Final = {
    "chat": semconv.OP_CHAT,
    "completion": semconv.OP_TEXT_COMPLETION,
    "embedding": semconv.OP_EMBEDDINGS,
    "rerank": semconv.OP_RERANK,
}
_NAMES: Final = {
    semconv.REQUEST_MODEL: ("llm.request.model",),
    semconv.RESPONSE_MODEL: ("llm.response.model",),
    semconv.USAGE_INPUT_TOKENS: ("llm.usage.prompt_tokens",),
    semconv.USAGE_OUTPUT_TOKENS: ("llm.usage.completion_tokens",),
    semconv.USAGE_CACHE_READ: ("llm.usage.cache_read_input_tokens",),
    semconv.USAGE_CACHE_CREATION: ("llm.usage.cache_creation_input_tokens",),
    semconv.USAGE_REASONING: ("llm.usage.reasoning_tokens",),
    semconv.RESPONSE_FINISH_REASONS: (
        "llm.response.finish_reason",
        "llm.response.stop_reason",
        semconv.STOP_REASON_OLD,
    ),
    semconv.USER_ID: (
        "traceloop.association.properties.user_id",
        "traceloop.association.properties.user",
        "llm.user",
    ),
    semconv.CONVERSATION_ID: (
        "traceloop.association.properties.session_id",
        "traceloop.association.properties.chat_id",
    ),
    semconv.OPENAI_SYSTEM_FINGERPRINT: (semconv.SYSTEM_FINGERPRINT_OLD,),
}


def knows(span: PlainSpan) -> bool:
    """Say whether the span has one of Traceloop's names."""
    return any(name.startswith(_MARKS) for name in span.attributes) or (
        span.scope_name.startswith(_SCOPES) and semconv.IS_STREAMING_OLD in span.attributes
    )


def read(draft: Draft) -> None:
    """Read a call or a decorated function."""
    kind = draft.look("traceloop.span.kind")
    if isinstance(kind, str):
        draft.say(semconv.OPERATION_NAME, _KINDS.get(kind, kind))
        named = draft.look("traceloop.entity.name")
        if kind in {"tool", "agent"}:
            draft.say(semconv.TOOL_NAME if kind == "tool" else semconv.AGENT_NAME, named)
        if draft.text(semconv.OPERATION_NAME) in semconv.INFERENCE_OPERATIONS:
            draft.leave_uncounted()
    read_call(draft)


def read_call(draft: Draft) -> None:
    """Read the names of a call, for whoever took them over."""
    asked = draft.look("llm.request.type")
    draft.say(semconv.OPERATION_NAME, _TYPES.get(str(asked).lower()))
    otel.read_conventions(draft)
    draft.rename_all(_NAMES)
    settle(draft, total=draft.look(otel.TOTAL, "llm.usage.total_tokens"))
    prompts = content.unflatten(draft, semconv.PROMPT_OLD) or content.unflatten(
        draft, "llm.prompts"
    )
    answers = content.unflatten(draft, semconv.COMPLETION_OLD)
    answers = answers or content.unflatten(draft, "llm.completions")
    for each in (*prompts, *answers):
        each["tool_calls"] = content.items(each.get("tool_calls"))
    reasons = [each["finish_reason"] for each in answers if each.get("finish_reason")]
    draft.say(semconv.RESPONSE_FINISH_REASONS, reasons or None)
    content.say_messages(draft, prompts or draft.take("traceloop.entity.input"))
    content.say_messages(draft, answers or draft.take("traceloop.entity.output"), answer=True)
