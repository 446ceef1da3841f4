"""MLflow's tracing: ``mlflow.*``, every value JSON in a text.

``mlflow.chat.tokenUsage`` holds the cache in the input since MLflow counts the cache at all.
The span of a call holds the provider's answer: its usage and its id are taken from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.dialects import content, tokens
from llmtrace.otlp.dialects.draft import parsed
from llmtrace.usage.counts import as_mapping

if TYPE_CHECKING:
    from llmtrace.otlp.decode import PlainSpan
    from llmtrace.otlp.dialects.draft import Draft

_TYPE: Final = "mlflow.spanType"
_USAGE: Final = "mlflow.chat.tokenUsage"
_OPERATIONS: Final = {
    "CHAT_MODEL": semconv.OP_CHAT,
    "LLM": semconv.OP_CHAT,
    "EMBEDDING": semconv.OP_EMBEDDINGS,
    "RERANKER": semconv.OP_RERANK,
    "TOOL": semconv.OP_EXECUTE_TOOL,
    "RETRIEVER": semconv.OP_RETRIEVAL,
    "AGENT": semconv.OP_INVOKE_AGENT,
    "CHAIN": semconv.OP_INVOKE_WORKFLOW,
    "WORKFLOW": semconv.OP_INVOKE_WORKFLOW,
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluation",
}
_CALLS: Final = frozenset({"CHAT_MODEL", "LLM", "EMBEDDING", "RERANKER"})
_COUNTS: Final = {
    tokens.INPUT: "input_tokens",
    tokens.OUTPUT: "output_tokens",
    tokens.CACHE_READ: "cache_read_input_tokens",
    tokens.CACHE_WRITE: "cache_creation_input_tokens",
}
_PROVIDERS: Final = {"openai": "openai", "anthropic": "anthropic", "gemini": "gcp.gemini"}
"""By the format of a span's messages, for the integrations that name no provider."""


def knows(span: PlainSpan) -> bool:
    """Say whether the span has a type of MLflow."""
    return _TYPE in span.attributes


def read(draft: Draft) -> None:
    """Read a span of any type."""
    kind = str(_plain(draft.look(_TYPE))).upper()
    draft.say(semconv.OPERATION_NAME, _OPERATIONS.get(kind))
    asked = as_mapping(parsed(draft.look("mlflow.spanInputs")))
    answered = as_mapping(parsed(draft.look("mlflow.spanOutputs")))
    if kind in _CALLS:
        model = _plain(draft.take("mlflow.llm.model"))
        draft.say(semconv.REQUEST_MODEL, _plain(draft.look("model")) or asked.get("model") or model)
        draft.say(semconv.RESPONSE_MODEL, answered.get("model") or model)
        provider = _plain(draft.take("mlflow.llm.provider"))
        written_as = _plain(draft.look("mlflow.message.format"))
        draft.say(semconv.PROVIDER_NAME, provider or _PROVIDERS.get(str(written_as)))
        if isinstance(answered.get("id"), str):
            draft.say(semconv.RESPONSE_ID, answered["id"])
        streams = asked.get("stream", parsed(draft.look("stream")))
        draft.say(semconv.REQUEST_STREAM, streams if isinstance(streams, bool) else None)
    elif draft.text(semconv.OPERATION_NAME) in semconv.INFERENCE_OPERATIONS:
        draft.leave_uncounted()
    _read_usage(draft, answered.get("usage") if kind in _CALLS else None)
    draft.say(semconv.CONVERSATION_ID, _plain(draft.take("mlflow.trace.session")))
    draft.say(semconv.USER_ID, _plain(draft.take("mlflow.trace.user")))
    content.say_messages(draft, draft.take("mlflow.spanInputs"))
    content.say_messages(draft, draft.take("mlflow.spanOutputs"), answer=True)


def _read_usage(draft: Draft, of_provider: object) -> None:
    if tokens.say_provider_usage(draft, of_provider):
        return
    told = as_mapping(parsed(draft.look(_USAGE)))
    for ours, theirs in _COUNTS.items():
        draft.say(ours, told.get(theirs))
    tokens.settle(draft, total=told.get("total_tokens"))


def _plain(value: object) -> object:
    """Return what a text of JSON says; a text that is none says itself."""
    decoded = parsed(value)
    return value if decoded is None else decoded
