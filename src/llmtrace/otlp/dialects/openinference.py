"""OpenInference (Arize, Phoenix): ``openinference.span.kind`` and ``llm.*``.

Prompt tokens hold cached ones, except where an old instrumentor left Anthropic's out.
``output.value`` is often the provider's answer itself; then its usage, id and tier are taken.
AGENT and CHAIN spans may carry sums of the LLM spans below them; only LLM and EMBEDDING count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace import semconv
from llmtrace.otlp.dialects import content, tokens
from llmtrace.otlp.dialects.draft import parsed
from llmtrace.usage.counts import as_list, as_mapping
from llmtrace.usage.framework import read as read_framework_usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.otlp.decode import PlainSpan
    from llmtrace.otlp.dialects.draft import Draft

_OPERATIONS: Final = {
    "LLM": semconv.OP_CHAT,
    "EMBEDDING": semconv.OP_EMBEDDINGS,
    "RERANKER": semconv.OP_RERANK,
    "TOOL": semconv.OP_EXECUTE_TOOL,
    "RETRIEVER": semconv.OP_RETRIEVAL,
    "AGENT": semconv.OP_INVOKE_AGENT,
    "CHAIN": semconv.OP_INVOKE_WORKFLOW,
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluation",
    "PROMPT": "prompt",
}
_CALLS: Final = frozenset({"LLM", "EMBEDDING", "RERANKER"})
_NAMES: Final = {
    semconv.PROVIDER_NAME: ("llm.provider", "llm.system"),
    semconv.RESPONSE_MODEL: ("llm.response.model_name",),
    semconv.CONVERSATION_ID: ("session.id",),
    semconv.RESPONSE_FINISH_REASONS: ("llm.finish_reason",),
    semconv.AGENT_NAME: ("agent.name",),
    semconv.TOOL_NAME: ("tool.name", "tool_call.function.name"),
    semconv.TOOL_CALL_ID: ("tool.id", "tool_call.id"),
}
_PROMPT: Final = "llm.token_count.prompt"
_COUNTS: Final = {
    tokens.INPUT: (_PROMPT,),
    tokens.OUTPUT: ("llm.token_count.completion",),
    tokens.CACHE_READ: (
        f"{_PROMPT}_details.cache_read",
        f"{_PROMPT}_details.cache_input",
        f"{_PROMPT}_details.cached",
    ),
    tokens.CACHE_WRITE: (f"{_PROMPT}_details.cache_write",),
    tokens.REASONING: ("llm.token_count.completion_details.reasoning",),
    semconv.USAGE_AUDIO_INPUT: (f"{_PROMPT}_details.audio",),
    semconv.USAGE_AUDIO_OUTPUT: ("llm.token_count.completion_details.audio",),
}


def knows(span: PlainSpan) -> bool:
    """Say whether the span has a kind of OpenInference."""
    return semconv.OPENINFERENCE_KIND in span.attributes


def read(draft: Draft) -> None:
    """Read a span of any of its kinds."""
    kind = (draft.text(semconv.OPENINFERENCE_KIND) or "").upper()
    draft.say(semconv.OPERATION_NAME, _OPERATIONS.get(kind))
    draft.rename_all(_NAMES)
    if kind in _CALLS:
        # What else names its operation here is ours to decide by the kind: only these are calls.
        _read_models(draft)
    elif draft.text(semconv.OPERATION_NAME) in semconv.INFERENCE_OPERATIONS:
        draft.leave_uncounted()
    draft.rename_all(_COUNTS)
    answer: Mapping[str, object] = _answer(draft) if kind in _CALLS else {}
    if not _read_answer(draft, answer):
        tokens.settle(draft, total=draft.look("llm.token_count.total"))
    _read_content(draft, kind)


def _read_models(draft: Draft) -> None:
    named = draft.take("llm.model_name", "embedding.model_name", "reranker.model_name")
    asked = as_mapping(
        parsed(draft.look("llm.invocation_parameters", "embedding.invocation_parameters"))
    )
    draft.rename(semconv.REQUEST_MODEL, "llm.request.model_name")
    draft.say(semconv.REQUEST_MODEL, asked.get("model") or named)
    draft.say(semconv.RESPONSE_MODEL, named)
    if isinstance(asked.get("stream"), bool):
        draft.say(semconv.REQUEST_STREAM, asked["stream"])


def _answer(draft: Draft) -> Mapping[str, object]:
    """Return the provider's answer, or LangChain's message, if ``output.value`` is one."""
    if (draft.text("output.mime_type") or "application/json") != "application/json":
        return {}
    found = as_mapping(parsed(draft.look("output.value")))
    generations = as_list(found.get("generations"))
    if not generations:
        return found
    of_first = as_list(generations[0])
    message = as_mapping(as_mapping(of_first[0] if of_first else generations[0]).get("message"))
    return as_mapping(message.get("kwargs")) or message


def _read_answer(draft: Draft, answer: Mapping[str, object]) -> bool:
    """Take the answer's id, tier and usage; False if it tells no usage."""
    told = as_mapping(answer.get("response_metadata"))
    response_id = told.get("id") if told else answer.get("id")
    if isinstance(response_id, str):
        draft.say(semconv.RESPONSE_ID, response_id)
    tier = answer.get("service_tier", told.get("service_tier"))
    if isinstance(tier, str):
        draft.say(semconv.SERVICE_TIER, tier)
    of_framework = answer.get("usage_metadata")
    if isinstance(of_framework, dict) and "input_tokens" in of_framework:
        usage = read_framework_usage(cast("Any", of_framework))
        if usage is None or usage.source != "provider":
            return False
        tokens.say_usage(draft, usage)
        return True
    return tokens.say_provider_usage(draft, answer.get("usage", answer.get("usageMetadata")))


def _read_content(draft: Draft, kind: str) -> None:
    if kind == "TOOL":
        draft.rename(semconv.TOOL_CALL_ARGUMENTS, "tool_call.function.arguments")
        return
    asked = [_message(each) for each in content.unflatten(draft, "llm.input_messages")]
    answered = [_message(each) for each in content.unflatten(draft, "llm.output_messages")]
    content.say_messages(draft, asked or None)
    content.say_messages(draft, answered or None, answer=True)
    # Content belongs where it can be deleted sooner than the figures, not among the attributes.
    draft.rename(semconv.REQUEST_BODY, "input.value")
    draft.rename(semconv.RESPONSE_BODY, "output.value")
    tools = [
        as_mapping(each.get("tool")).get("json_schema")
        for each in content.unflatten(draft, "llm.tools")
    ]
    draft.say(semconv.TOOL_DEFINITIONS, [parsed(tool) or tool for tool in tools] or None)


def _message(found: dict[str, Any]) -> dict[str, Any]:
    said = as_mapping(found.get("message"))
    parts = [
        {"type": part.get("type", "text"), **part}
        for each in content.items(said.get("contents"))
        if (part := dict(as_mapping(as_mapping(each).get("message_content"))))
    ]
    text = said.get("content")
    if text and not parts:
        parts = [{"type": "text", "text": text}]
    return {
        "role": said.get("role", "user"),
        "content": parts,
        "tool_calls": content.items(said.get("tool_calls")),
    }
