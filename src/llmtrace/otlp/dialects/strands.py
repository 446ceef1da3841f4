"""Strands Agents' spans: the conventions, with both old and new names, and sums on two levels.

A ``chat`` span is one request; the agent's span and each turn of its loop repeat the sums, by the
same names. Bedrock leaves the cache out of the input, and Strands hands that on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.dialects import otel
from llmtrace.otlp.dialects.tokens import settle

if TYPE_CHECKING:
    from llmtrace.otlp.decode import PlainSpan
    from llmtrace.otlp.dialects.draft import Draft

_WAITED: Final = semconv.SERVER_WAIT_OLD
_PROVIDER_IN_NAME: Final = "strands-agents"


def knows(span: PlainSpan) -> bool:
    """Say whether Strands made the span."""
    return span.scope_name.startswith("strands") or (
        span.attributes.get(semconv.SYSTEM_OLD) == _PROVIDER_IN_NAME
    )


def read(draft: Draft) -> None:
    """Read a request, a tool, a turn or an agent."""
    for name in (semconv.SYSTEM_OLD, semconv.PROVIDER_NAME):
        # It names itself where the conventions want who answers: that is no provider.
        if draft.look(name) == _PROVIDER_IN_NAME:
            draft.take(name)
    otel.read_conventions(draft)
    if semconv.EVENT_START_TIME in draft.names() and "execute_event_loop" in draft.span.name:
        draft.leave_uncounted()
    cached = sum(
        count
        for name in (semconv.USAGE_CACHE_READ, semconv.USAGE_CACHE_CREATION)
        if isinstance(count := draft.look(name), int)
    )
    given, total = draft.look(semconv.USAGE_INPUT_TOKENS), draft.look(otel.TOTAL)
    settle(draft, total=total, beside=_is_beside(given, total, draft, cached))
    waited = draft.take(_WAITED)
    if isinstance(waited, int) and not isinstance(waited, bool):
        draft.say(semconv.RESPONSE_TIME_TO_FIRST_CHUNK, waited / 1e3)


def _is_beside(given: object, total: object, draft: Draft, cached: int) -> bool:
    """Say whether the total holds the cache beside the input: it does for Bedrock's models."""
    made = draft.look(semconv.USAGE_OUTPUT_TOKENS)
    if isinstance(given, int) and isinstance(made, int) and isinstance(total, int):
        return cached > 0 and total == given + made + cached
    return False
