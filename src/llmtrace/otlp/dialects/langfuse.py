"""Langfuse's SDKs: ``langfuse.observation.*``, details as JSON.

``usage_details`` is either a provider's usage object as it came, or Langfuse's own: disjoint counts
that are added up (``input`` beside ``input_cached_tokens``), by names that begin with their side.
Costs are estimates of the app or of Langfuse: they stay attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.dialects import content, tokens
from llmtrace.otlp.dialects.draft import parsed
from llmtrace.usage.counts import Counts, as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.otlp.decode import PlainSpan
    from llmtrace.otlp.dialects.draft import Draft

_PREFIX: Final = "langfuse.observation."
_OPERATIONS: Final = {
    "generation": semconv.OP_CHAT,
    "embedding": semconv.OP_EMBEDDINGS,
    "tool": semconv.OP_EXECUTE_TOOL,
    "retriever": semconv.OP_RETRIEVAL,
    "agent": semconv.OP_INVOKE_AGENT,
    "chain": semconv.OP_INVOKE_WORKFLOW,
    "guardrail": "guardrail",
    "evaluator": "evaluation",
}
_CALLS: Final = frozenset({"generation", "embedding"})
_NAMES: Final = {
    semconv.RESPONSE_MODEL: (f"{_PREFIX}model.name", f"{_PREFIX}model"),
    semconv.CONVERSATION_ID: ("session.id", "langfuse.session.id"),
    semconv.USER_ID: ("langfuse.user.id",),
}
_PROVIDERS_OWN: Final = frozenset(
    {"prompt_tokens", "input_tokens", "promptTokenCount", "inputTokens", "prompt_eval_count"}
)
_READ: Final = (
    "input_cached_tokens",
    "input_cache_read",
    "cache_read_input_tokens",
    "input_cached",
    "cached_tokens",
)
_WRITTEN: Final = (
    "cache_creation_input_tokens",
    "input_cache_creation",
    "input_cache_creation_tokens",
    "cache_write_input_tokens",
)
_WRITTEN_5M: Final = (
    "cache_creation_ephemeral_5m_input_tokens",
    "ephemeral_5m_input_tokens",
    "input_cache_creation_5m",
)
_WRITTEN_1H: Final = (
    "cache_creation_ephemeral_1h_input_tokens",
    "ephemeral_1h_input_tokens",
    "input_cache_creation_1h",
)
_THOUGHT: Final = ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens")
_KNOWN: Final = frozenset({"input", "output", "total"}).union(
    _READ, _WRITTEN, _WRITTEN_5M, _WRITTEN_1H, _THOUGHT
)


def knows(span: PlainSpan) -> bool:
    """Say whether the span is an observation of Langfuse."""
    return f"{_PREFIX}type" in span.attributes


def read(draft: Draft) -> None:
    """Read an observation of any type."""
    kind = (draft.text(f"{_PREFIX}type") or "").lower()
    draft.say(semconv.OPERATION_NAME, _OPERATIONS.get(kind))
    draft.rename_all(_NAMES)
    _read_metadata(draft)
    if kind in _CALLS:
        draft.say(semconv.REQUEST_MODEL, draft.look(semconv.RESPONSE_MODEL))
    elif draft.text(semconv.OPERATION_NAME) in semconv.INFERENCE_OPERATIONS:
        draft.leave_uncounted()
    _read_usage(draft, as_mapping(parsed(draft.look(f"{_PREFIX}usage_details"))))
    parameters = as_mapping(parsed(draft.look(f"{_PREFIX}model.parameters")))
    tier = parameters.get("service_tier")
    if isinstance(tier, str):
        draft.say(semconv.OPENAI_REQUEST_SERVICE_TIER, tier)
    content.say_messages(draft, draft.take(f"{_PREFIX}input"))
    content.say_messages(draft, draft.take(f"{_PREFIX}output"), answer=True)


def _read_metadata(draft: Draft) -> None:
    """Take what LangChain says of its model; a text there is JSON in some versions."""
    for ours, theirs in (
        (semconv.PROVIDER_NAME, f"{_PREFIX}metadata.ls_provider"),
        (semconv.REQUEST_MODEL, f"{_PREFIX}metadata.ls_model_name"),
    ):
        told = draft.take(theirs)
        draft.say(ours, parsed(told) or told)


def _read_usage(draft: Draft, told: Mapping[str, object]) -> None:
    if _PROVIDERS_OWN & told.keys() and tokens.say_provider_usage(draft, told):
        return
    counts = Counts()
    read = {name: counts.take(told, name) for name in told}
    each = {name: count or 0 for name, count in read.items()}
    unreadable = {name for name, count in read.items() if count is None and told[name] is not None}
    made_unreadable = {name for name in unreadable if name.startswith("output") or name in _THOUGHT}
    is_input_known = unreadable <= made_unreadable | {"total"}
    short, long = _first(each, _WRITTEN_5M), _first(each, _WRITTEN_1H)
    # The split repeats the sum: cache_creation_input_tokens is both lifetimes together.
    written = max(_first(each, _WRITTEN), short + long)
    cached, thought = _first(each, _READ), _first(each, _THOUGHT)
    more_in = sum(v for k, v in each.items() if k.startswith("input_") and k not in _KNOWN)
    more_out = sum(v for k, v in each.items() if k.startswith("output_") and k not in _KNOWN)
    given = each.get("input", 0)
    beside = cached + written + more_in + each.get("output", 0) + thought + more_out
    inside = _told_twice(given, given + beside - each.get("total", 0), cached, written)
    if inside:
        counts.note(f"input ({given}) holds {inside} cached tokens too, by the total: counted once")
    if is_input_known and ("input" in told or cached or written or more_in):
        draft.say(tokens.INPUT, given - inside + cached + written + more_in)
    if not made_unreadable and ("output" in told or thought or more_out):
        draft.say(tokens.OUTPUT, each.get("output", 0) + thought + more_out)
    for ours, count in (
        (tokens.CACHE_READ, cached),
        (tokens.CACHE_WRITE, written),
        (semconv.USAGE_CACHE_WRITE_5M, short),
        (semconv.USAGE_CACHE_WRITE_1H, long),
        (tokens.REASONING, thought),
    ):
        if count:
            draft.say(ours, count)
    for remark in counts.notes:
        draft.note(remark)


def _told_twice(given: int, excess: int, cached: int, written: int) -> int:
    """Return how many cached tokens an input holds that are told beside it as well.

    LiteLLM's callback takes reads out of the input, but not writes: then the total is less than the
    sum by just these.
    """
    return excess if 0 < excess <= given and excess in {written, cached, cached + written} else 0


def _first(each: Mapping[str, int], names: tuple[str, ...]) -> int:
    return next((each[name] for name in names if each.get(name)), 0)
