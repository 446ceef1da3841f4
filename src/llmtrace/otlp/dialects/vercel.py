"""Vercel's AI SDK: ``ai.operationId``, ``ai.model.*``, ``ai.usage.*`` of all its versions.

Only the spans of single requests (``….doGenerate``, ``….doStream``, ``….doEmbed``) count: the span
around them repeats the sum of its steps. Since version 6 (told by ``ai.usage.inputTokenDetails.*``)
input holds the cache at every provider; before, it was whatever the provider says, and Anthropic,
its models on Bedrock too, leaves the cache out.

Version 7 emits OpenTelemetry's conventions instead, from the scope ``gen_ai``, and an embedding
twice: the request, and around it the same again without tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.dialects import content, otel, tokens
from llmtrace.otlp.dialects.draft import parsed
from llmtrace.usage.counts import as_decimal, as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.otlp.decode import PlainSpan
    from llmtrace.otlp.dialects.draft import Draft

_SINGLE: Final = (".doGenerate", ".doStream", ".doEmbed", ".doRerank")
_INSIDE: Final = "ai.usage.inputTokenDetails."
_NAMES: Final = {
    semconv.PROVIDER_NAME: ("ai.model.provider",),
    semconv.REQUEST_MODEL: ("ai.model.id",),
    semconv.RESPONSE_MODEL: ("ai.response.model",),
    semconv.RESPONSE_ID: ("ai.response.id",),
    semconv.RESPONSE_FINISH_REASONS: ("ai.response.finishReason", "ai.finishReason"),
    semconv.USER_ID: ("ai.telemetry.metadata.userId", "ai.telemetry.metadata.user_id"),
    semconv.CONVERSATION_ID: (
        "ai.telemetry.metadata.sessionId",
        "ai.telemetry.metadata.session_id",
        "session.id",
    ),
    semconv.FEATURE: ("ai.telemetry.functionId",),
    semconv.TOOL_NAME: ("ai.toolCall.name",),
    semconv.TOOL_CALL_ID: ("ai.toolCall.id",),
    semconv.TOOL_CALL_ARGUMENTS: ("ai.toolCall.args", "ai.toolCall.input"),
    semconv.TOOL_CALL_RESULT: ("ai.toolCall.result", "ai.toolCall.output"),
}
_COUNTS: Final = {
    tokens.INPUT: ("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"),
    tokens.OUTPUT: ("ai.usage.outputTokens", "ai.usage.completionTokens"),
    tokens.CACHE_READ: (f"{_INSIDE}cacheReadTokens", "ai.usage.cachedInputTokens"),
    tokens.CACHE_WRITE: (f"{_INSIDE}cacheWriteTokens",),
    tokens.REASONING: (
        "ai.usage.outputTokenDetails.reasoningTokens",
        "ai.usage.reasoningTokens",
    ),
}
_FAILED: Final = 2
_METADATA: Final = "ai.response.providerMetadata"


_STANDARD_SCOPE: Final = "gen_ai"
_STANDARD_MARK: Final = "operation.name"


def knows(span: PlainSpan) -> bool:
    """Say whether the span names one of the SDK's operations, or is a standard one of it."""
    return "ai.operationId" in span.attributes or (
        span.scope_name == _STANDARD_SCOPE and _STANDARD_MARK in span.attributes
    )


def read(draft: Draft) -> None:
    """Read a request, the span around requests, or a tool call."""
    if "ai.operationId" not in draft.span.attributes:
        _read_standard(draft)
        return
    operation = draft.text("ai.operationId") or ""
    draft.say(semconv.OPERATION_NAME, _operation(operation))
    if not operation.endswith(_SINGLE):
        draft.leave_uncounted()
    has_details = any(name.startswith(_INSIDE) for name in draft.span.attributes)
    draft.rename_all(_NAMES)
    draft.rename_all(_COUNTS)
    otel.read_conventions(draft)
    _read_wait(draft, operation)
    metadata = as_mapping(
        parsed(draft.look(_METADATA, "ai.response.experimental_providerMetadata"))
    )
    beside = _read_anthropic(draft, as_mapping(metadata.get("anthropic"))) and not has_details
    tokens.settle(draft, total=draft.look("ai.usage.totalTokens"), beside=beside)
    _read_gateway(draft, as_mapping(metadata.get("gateway")))
    _read_content(draft)


def _read_standard(draft: Draft) -> None:
    draft.rename_all(_COUNTS)
    otel.read(draft)
    is_embedding = draft.text(semconv.OPERATION_NAME) == semconv.OP_EMBEDDINGS
    # One that failed has no tokens either: better one failure more than none.
    has_failed = draft.span.status == _FAILED
    if is_embedding and draft.look(tokens.INPUT) is None and not has_failed:
        draft.leave_uncounted()


def _operation(named: str) -> str | None:
    if named == "ai.toolCall":
        return semconv.OP_EXECUTE_TOOL
    if named.startswith("ai.embed"):
        return semconv.OP_EMBEDDINGS
    if named.startswith("ai.rerank"):
        return semconv.OP_RERANK
    return semconv.OP_CHAT if named.endswith(_SINGLE) else semconv.OP_INVOKE_AGENT


def _read_anthropic(draft: Draft, told: Mapping[str, object]) -> bool:
    """Take what only the metadata told of the cache; say if Anthropic's API answered."""
    usage = as_mapping(told.get("usage"))
    cached = told.get("cacheReadInputTokens", usage.get("cache_read_input_tokens"))
    draft.say(tokens.CACHE_READ, cached)
    written = told.get("cacheCreationInputTokens", usage.get("cache_creation_input_tokens"))
    draft.say(tokens.CACHE_WRITE, written)
    split = as_mapping(usage.get("cache_creation"))
    draft.say(semconv.USAGE_CACHE_WRITE_5M, split.get("ephemeral_5m_input_tokens"))
    draft.say(semconv.USAGE_CACHE_WRITE_1H, split.get("ephemeral_1h_input_tokens"))
    provider = (draft.text(semconv.PROVIDER_NAME, semconv.SYSTEM_OLD) or "").lower()
    model = (draft.text(semconv.REQUEST_MODEL) or "").lower()
    return "anthropic" in provider or ("claude" in model and "openrouter" not in provider)


def _read_gateway(draft: Draft, told: Mapping[str, object]) -> None:
    """Take the cost that Vercel's gateway billed: the seller's own word, no estimate."""
    cost = as_decimal(told.get("cost"))
    if cost is not None and cost >= 0:
        draft.overrule(semconv.COST_TOTAL, float(cost))
        draft.overrule(semconv.COST_SOURCE, "provider")


def _read_wait(draft: Draft, operation: str) -> None:
    if operation.endswith(".doStream"):
        draft.say(semconv.REQUEST_STREAM, value=True)
    waited = draft.look("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk")
    if isinstance(waited, (int, float)) and not isinstance(waited, bool):
        draft.say(semconv.RESPONSE_TIME_TO_FIRST_CHUNK, waited / 1e3)


def _read_content(draft: Draft) -> None:
    content.say_messages(draft, draft.take("ai.prompt.messages", "ai.prompt", "ai.value"))
    answer = {
        "role": "assistant",
        "content": draft.take("ai.response.text", "ai.result.text", "ai.response.object"),
        "tool_calls": parsed(draft.take("ai.response.toolCalls", "ai.result.toolCalls")),
    }
    if answer["content"] or answer["tool_calls"]:
        content.say_messages(draft, answer, answer=True)
    draft.rename(semconv.TOOL_DEFINITIONS, "ai.prompt.tools")
