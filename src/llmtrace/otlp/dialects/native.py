"""Spans that providers' SDKs make themselves: Anthropic's (2.x) and xAI's.

Anthropic's follow the conventions (input holds the cache) and add what no convention has. xAI
leaves reasoning out of the output but not out of the total, and tells what the call costs: its own
word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.dialects import otel, traceloop
from llmtrace.otlp.dialects.tokens import settle

if TYPE_CHECKING:
    from llmtrace.otlp.decode import PlainSpan
    from llmtrace.otlp.dialects.draft import Draft

_ANTHROPIC: Final = "com.anthropic.sdk."
_XAI: Final = "xai_sdk"
_TICKS: Final = semconv.USAGE_COST_TICKS_XAI
_TICKS_PER_USD: Final = 10**10
_NAMES: Final = {
    semconv.REQUEST_ID: ("anthropic.request.id",),
    semconv.SERVICE_TIER: ("anthropic.response.service_tier",),
    semconv.RESPONSE_FINISH_REASONS: ("anthropic.message.stop_reason",),
    semconv.RETRY_COUNT: ("http.request.resend_count",),
    semconv.USAGE_CACHE_WRITE_5M: ("anthropic.usage.cache_creation.ephemeral_5m_input_tokens",),
    semconv.USAGE_CACHE_WRITE_1H: ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",),
    semconv.USAGE_CACHE_READ: (semconv.USAGE_CACHED_XAI,),
    semconv.USAGE_IMAGE_INPUT: (semconv.USAGE_IMAGE_XAI,),
    semconv.OPENAI_SYSTEM_FINGERPRINT: (semconv.SYSTEM_FINGERPRINT_XAI,),
}


def knows(span: PlainSpan) -> bool:
    """Say whether one of these SDKs made the span."""
    return span.scope_name.startswith((_ANTHROPIC, _XAI))


def read(draft: Draft) -> None:
    """Read a call."""
    draft.rename_all(_NAMES)
    if draft.span.scope_name.startswith(_ANTHROPIC):
        otel.read_conventions(draft)
        settle(draft)
        return
    traceloop.read_call(draft)
    ticks = draft.look(_TICKS)
    if isinstance(ticks, int) and not isinstance(ticks, bool) and ticks >= 0:
        draft.overrule(semconv.COST_TOTAL, ticks / _TICKS_PER_USD)
        draft.overrule(semconv.COST_SOURCE, "provider")
