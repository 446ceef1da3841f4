"""Recorded provider traffic, where it is at hand: LLMTRACE_WIRE, or beside the checkout."""

from __future__ import annotations

import functools
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

Exchange = dict[str, Any]

_ROOT = Path(__file__).parents[2]
_API_OF_ENDPOINT = {
    "/chat/completions": "openai.chat",
    "/responses": "openai.responses",
    "/messages": "anthropic.messages",
    "/embeddings": "openai.embeddings",
}


def _folder() -> Path | None:
    for place in (os.environ.get("LLMTRACE_WIRE"), _ROOT.parent / "shared" / "wire"):
        if place and (Path(place) / "exchanges.jsonl.gz").is_file():
            return Path(place)
    return None


# once: every test gets an environment of its own, without this variable
_FOLDER = _folder()

needs_recordings = pytest.mark.skipif(
    _FOLDER is None, reason="recorded traffic not found: set LLMTRACE_WIRE"
)


@functools.cache
def every_exchange() -> list[Exchange]:
    """Every exchange of every provider, as recorded."""
    if _FOLDER is None:
        return []
    with gzip.open(_FOLDER / "exchanges.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@functools.cache
def exchanges() -> list[Exchange]:
    """Every exchange in one of our wire formats, with its ``api``."""
    found: list[Exchange] = []
    for name in ("exchanges", "cost_truth"):
        if _FOLDER is None:
            return []
        with gzip.open(_FOLDER / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            found.extend(json.loads(line) for line in lines)
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
