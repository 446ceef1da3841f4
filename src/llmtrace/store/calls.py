"""Whole stored calls, bodies included: what replay works on."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from llmtrace.store.own_sql import ask

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace.store.reading import Store

Row = dict[str, Any]
"""One row of ``llm_calls_full``: column → value."""

MAX_CALLS: Final = 10_000


def calls_by_span(store: Store, prefix: str, *, limit: int = MAX_CALLS) -> list[Row]:
    """Return the calls whose span id begins with ``prefix`` (hex), oldest first."""
    return ask(store, _text("calls_by_span"), [prefix.lower(), limit]).to_pylist()


def calls_of_trace(store: Store, trace_id: str, *, limit: int = MAX_CALLS) -> list[Row]:
    """Return the calls of a trace (32 hex digits), oldest first."""
    return ask(store, _text("calls_of_trace"), [trace_id.lower(), limit]).to_pylist()


def replays_of(store: Store, span_id: str, since: datetime, *, limit: int) -> list[Row]:
    """Return the replays of a call since it started; columns as ``sql/replays_of.sql`` says."""
    return ask(store, _text("replays_of"), [span_id.lower(), since, limit]).to_pylist()


def latest_calls(store: Store, *, limit: int) -> list[Row]:
    """Return the last calls, newest first: span_id, trace_id, start_time (UTC), model."""
    return ask(store, _text("latest_calls"), [limit]).to_pylist()


def _text(name: str) -> str:
    return resources.files("llmtrace.store").joinpath("sql", f"{name}.sql").read_text("utf-8")
