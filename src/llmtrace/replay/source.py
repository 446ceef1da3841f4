"""Find stored calls in the store by what people have at hand: a span id, its beginning, a trace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from llmtrace.errors import ReplayError
from llmtrace.replay.stored import StoredCall, stored_call
from llmtrace.store.calls import calls_by_span, calls_of_trace, latest_calls

if TYPE_CHECKING:
    from llmtrace.store import Store

_SPAN_DIGITS: Final = 16
_TRACE_DIGITS: Final = 32
_MIN_PREFIX: Final = 4
_SHOWN: Final = 5
_HEX: Final = re.compile(r"[0-9a-f]+")


def find_call(store: Store, span_id: str) -> StoredCall:
    """Return the call with this span id, or with the only one that begins so (4 digits or more).

    Raises ReplayError if there is none or more than one, StoreError.
    """
    wanted = span_id.strip().lower()
    if not _HEX.fullmatch(wanted) or not _MIN_PREFIX <= len(wanted) <= _SPAN_DIGITS:
        raise ReplayError(
            f"{span_id[:64]!r} is no span id: write its {_SPAN_DIGITS} hex digits, "
            f"or at least the first {_MIN_PREFIX}"
        )
    found = calls_by_span(store, wanted, limit=_SHOWN + 1)
    if not found:
        raise ReplayError(f"no LLM call has the span id {wanted}; {_latest(store)}")
    if len(found) > 1:
        ids = ", ".join(row["span_id"] for row in found[:_SHOWN])
        more = ", …" if len(found) > _SHOWN else ""
        raise ReplayError(f"several calls begin with {wanted}: {ids}{more}; write more digits")
    return stored_call(found[0])


def find_calls(store: Store, trace_or_span_id: str) -> list[StoredCall]:
    """Return the calls of a trace in their order, or the one call of a span.

    Raises ReplayError if there is none, StoreError.
    """
    wanted = trace_or_span_id.strip().lower()
    if not _HEX.fullmatch(wanted) or len(wanted) != _TRACE_DIGITS:
        return [find_call(store, trace_or_span_id)]
    found = [stored_call(row) for row in calls_of_trace(store, wanted)]
    if not found:
        raise ReplayError(f"no LLM call is stored of the trace {wanted}; {_latest(store)}")
    return found


def _latest(store: Store) -> str:
    rows = latest_calls(store, limit=3)
    if not rows:
        return "the store has no calls yet: run an app with llmtrace.instrument()"
    shown = "; ".join(
        f"{row['span_id']} ({row['model']}, {row['start_time']:%Y-%m-%d %H:%M:%S} UTC)"
        for row in rows
    )
    return f"the latest calls are {shown}; llmtrace sql finds others in the view llm_calls"
