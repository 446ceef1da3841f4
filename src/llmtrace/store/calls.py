"""Whole stored calls, bodies included: what replay works on.

By an id alone the bodies of all the store would be looked through: when its spans started is asked
first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmtrace.store.named_sql import named_sql
from llmtrace.store.own_sql import ask, ask_in_one_pass
from llmtrace.store.queries import trace_stretch

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace.store.reading import Store

Row = dict[str, Any]
"""One row of ``llm_calls_full``: column → value."""

MAX_CALLS: Final = 10_000
_SPAN_DIGITS: Final = 16


def calls_by_span(store: Store, prefix: str, *, limit: int = MAX_CALLS) -> list[Row]:
    """Return the calls whose span id begins with ``prefix`` (1 to 16 hex digits), oldest first."""
    # As text: JSON numbers above 2**53 lose digits in some readers.
    numbers = [str(int(prefix.ljust(_SPAN_DIGITS, digit), 16)) for digit in "0f"]
    (found,) = ask(store, named_sql("spans_stretch"), numbers).to_pylist()
    if found["first"] is None:
        return []
    parameters = [prefix.lower(), found["first"], found["last"], limit]
    return ask(store, named_sql("calls_by_span"), parameters).to_pylist()


def calls_of_trace(store: Store, trace_id: str, *, limit: int = MAX_CALLS) -> list[Row]:
    """Return the calls of a trace (32 hex digits), oldest first."""
    stretch = trace_stretch(store, trace_id.lower())
    if stretch is None:
        return []
    parameters = [trace_id.lower(), *stretch, limit]
    return ask(store, named_sql("calls_of_trace"), parameters).to_pylist()


def replays_of(store: Store, span_id: str, since: datetime, *, limit: int) -> list[Row]:
    """Return the replays of a call since it started; columns as ``sql/replays_of.sql`` says."""
    return ask(store, named_sql("replays_of"), [span_id.lower(), since, limit]).to_pylist()


def latest_calls(store: Store, *, limit: int) -> list[Row]:
    """Return the last calls, newest first: span_id, trace_id, start_time (UTC), model."""
    return ask_in_one_pass(store, named_sql("latest_calls"), [], limit).to_pylist()
