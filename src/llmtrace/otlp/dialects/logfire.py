"""Logfire's and pydantic-ai's spans: the conventions, with what Pydantic adds.

Logfire tells the cache only in ``gen_ai.usage.raw``, the provider's own usage. A streamed call is
two spans: the request, which ends before the answer, and a log when the answer is read, which has
the usage and counts. pydantic-ai's agent span has the sum of its requests by names of its own
(``gen_ai.aggregated_usage.*``), in older versions by those of a call. ``operation.cost`` is an
estimate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.dialects import content, otel, tokens
from llmtrace.otlp.dialects.draft import parsed
from llmtrace.usage.counts import as_mapping

if TYPE_CHECKING:
    from llmtrace.otlp.decode import PlainSpan
    from llmtrace.otlp.dialects.draft import Draft

_RAW: Final = semconv.USAGE_RAW_LOGFIRE
_DETAILS: Final = semconv.USAGE_DETAILS_PREFIX
_NAMES: Final = {
    tokens.CACHE_READ: (f"{_DETAILS}cache_read_tokens", f"{_DETAILS}cached_tokens"),
    tokens.CACHE_WRITE: (f"{_DETAILS}cache_write_tokens",),
    tokens.REASONING: (f"{_DETAILS}reasoning_tokens",),
}
_ERROR: Final = 2


def knows(span: PlainSpan) -> bool:
    """Say whether Logfire's SDK or pydantic-ai made the span, and a model is its matter."""
    return (
        span.scope_name.startswith(("logfire", "pydantic-ai", "pydantic_ai"))
        or "logfire.span_type" in span.attributes
    ) and any(name.startswith(semconv.GEN_AI_PREFIX) for name in span.attributes)


def read(draft: Draft) -> None:
    """Read a call, the log of a streamed one, or an agent's run."""
    otel.read_conventions(draft)
    draft.rename_all(_NAMES)
    raw = parsed(draft.look(_RAW))
    if not tokens.say_provider_usage(draft, raw):
        tokens.settle(draft, total=draft.look(otel.TOTAL))
    tier = as_mapping(raw).get("service_tier")
    draft.say(semconv.SERVICE_TIER, tier if isinstance(tier, str) else None)
    kind = draft.look("logfire.span_type")
    if kind == "pending_span":
        draft.leave_uncounted()  # says that a span has begun, which will come itself
    elif kind == "log":
        _read_streamed(draft)
    elif _is_request_of_stream(draft):
        draft.say(semconv.REQUEST_STREAM, value=True)
        draft.leave_uncounted()
    content.say_messages(draft, draft.take("pydantic_ai.all_messages", "all_messages_events"))


def _is_request_of_stream(draft: Draft) -> bool:
    """Say if the log of its answer will follow: only of an answer that streams nothing is known."""
    if draft.look(semconv.USAGE_INPUT_TOKENS) is not None or draft.span.status == _ERROR:
        return False
    if as_mapping(parsed(draft.look("request_data"))).get("stream") is True:
        return True
    is_chat = draft.text(semconv.OPERATION_NAME) in {semconv.OP_CHAT, semconv.OP_TEXT_COMPLETION}
    is_answered = draft.look(semconv.RESPONSE_ID, semconv.OUTPUT_MESSAGES) is not None
    return draft.span.scope_name.startswith("logfire.") and is_chat and not is_answered


def _read_streamed(draft: Draft) -> None:
    """Give the log, which is of an instant, the time its answer took."""
    duration = draft.look("duration")
    if isinstance(duration, float) and 0 < duration < 86_400:
        draft.say(semconv.REQUEST_STREAM, value=True)
        draft.start_ns = max(draft.span.end_ns - int(duration * 1e9), 0)
