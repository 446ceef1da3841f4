"""Recorded provider traffic, where it is at hand: LLMTRACE_WIRE, or beside the checkout."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from benchmarks.recordings.exchanges import COST_TRUTH, EXCHANGES, FOLDER, Exchange, recorded

_API_OF_ENDPOINT = {
    "/chat/completions": "openai.chat",
    "/responses": "openai.responses",
    "/messages": "anthropic.messages",
    "/embeddings": "openai.embeddings",
}


needs_recordings = pytest.mark.skipif(
    FOLDER is None, reason="recorded traffic not found: set LLMTRACE_WIRE"
)


@functools.cache
def exchanges() -> list[Exchange]:
    """Every exchange in one of our wire formats, with its ``api``."""
    found = [dict(row) for file in (EXCHANGES, COST_TRUTH) for row in recorded(file)]
    for row in found:
        endpoint = row["endpoint"]
        row["api"] = next((a for e, a in _API_OF_ENDPOINT.items() if endpoint.endswith(e)), None)
    unique = {row["id"]: row for row in found if row["api"] and row["transport"] == "http"}
    return list(unique.values())


def is_event_stream(row: Exchange) -> bool:
    """Say whether the answer is a stream of server-sent events."""
    return row["stream"] and "event-stream" in (row["response_headers"].get("content-type") or "")


def streams(*providers: str) -> list[Exchange]:
    """Answered streams, of ``providers`` or of all."""
    return [
        row
        for row in exchanges()
        if is_event_stream(row)
        and row["status"] == 200
        and (not providers or row["provider"] in providers)
    ]


def without_nulls(value: Any) -> Any:
    """Leave out nulls, which the truth of the recordings does not hold."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value
