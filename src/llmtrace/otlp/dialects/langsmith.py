"""Spans for LangSmith over OpenTelemetry: ``langsmith.span.kind`` beside the conventions.

Content is in ``gen_ai.prompt`` and ``gen_ai.completion`` as JSON. Only ``llm`` and ``embedding``
count; chains and agents may carry the sums of what is below them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.dialects import content, otel, tokens

if TYPE_CHECKING:
    from llmtrace.otlp.decode import PlainSpan
    from llmtrace.otlp.dialects.draft import Draft

_KIND: Final = "langsmith.span.kind"
_OPERATIONS: Final = {
    "llm": semconv.OP_CHAT,
    "embedding": semconv.OP_EMBEDDINGS,
    "tool": semconv.OP_EXECUTE_TOOL,
    "retriever": semconv.OP_RETRIEVAL,
    "agent": semconv.OP_INVOKE_AGENT,
    "chain": semconv.OP_INVOKE_WORKFLOW,
}
_CALLS: Final = frozenset({"llm", "embedding"})


def knows(span: PlainSpan) -> bool:
    """Say whether the span has a kind of LangSmith."""
    return _KIND in span.attributes or span.scope_name == "langsmith"


def read(draft: Draft) -> None:
    """Read a run of any kind."""
    kind = (draft.text(_KIND) or "").lower()
    draft.say(semconv.OPERATION_NAME, _OPERATIONS.get(kind))
    if kind not in _CALLS and draft.text(semconv.OPERATION_NAME) in semconv.INFERENCE_OPERATIONS:
        draft.leave_uncounted()
    draft.rename(semconv.PROVIDER_NAME, "langsmith.metadata.ls_provider")
    draft.rename(semconv.REQUEST_MODEL, "langsmith.metadata.ls_model_name")
    draft.rename(semconv.CONVERSATION_ID, "langsmith.trace.session_id")
    otel.read_conventions(draft)
    tokens.settle(draft, total=draft.look(otel.TOTAL))
    content.say_messages(draft, draft.take(semconv.PROMPT_OLD, "input.value"))
    content.say_messages(draft, draft.take(semconv.COMPLETION_OLD, "output.value"), answer=True)
