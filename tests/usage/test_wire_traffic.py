"""Usage of real recorded traffic, where the recordings are there: we read what was billed."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from llmtrace import semconv
from llmtrace.usage import read_usage

_ROOT = Path(__file__).parents[2]
_APIS = {
    "/chat/completions": semconv.API_OPENAI_CHAT,
    "/{deployment}/chat/completions": semconv.API_OPENAI_CHAT,
    "//{deployment}/chat/completions": semconv.API_OPENAI_CHAT,
    "/responses": semconv.API_OPENAI_RESPONSES,
    "/responses/{id}": semconv.API_OPENAI_RESPONSES,
    "/responses/compact": semconv.API_OPENAI_RESPONSES,
    "/messages": semconv.API_ANTHROPIC_MESSAGES,
    "/embeddings": semconv.API_OPENAI_EMBEDDINGS,
    "/{deployment}/embeddings": semconv.API_OPENAI_EMBEDDINGS,
    "//{deployment}/embeddings": semconv.API_OPENAI_EMBEDDINGS,
}
_OURS = {"openai", "azure-openai", "anthropic"}


def _recorded() -> list[dict[str, Any]]:
    for place in (os.environ.get("LLMTRACE_WIRE"), _ROOT.parent / "shared" / "wire"):
        file = Path(place, "exchanges.jsonl.gz") if place else None
        if file is not None and file.is_file():
            with gzip.open(file, "rt", encoding="utf-8") as lines:
                rows = [json.loads(line) for line in lines]
            return [
                row
                for row in rows
                if isinstance(row["truth"].get("usage"), dict) and row["endpoint"] in _APIS
            ]
    return []


_ROWS = _recorded()
pytestmark = pytest.mark.skipif(
    not _ROWS, reason="recorded traffic not found: set LLMTRACE_WIRE to its folder"
)


def _sound(providers: set[str] | None = None) -> list[dict[str, Any]]:
    """Rows without a provider anomaly that the recording's reader found."""
    return [
        row
        for row in _ROWS
        if not row["second_opinion"]["anomaly"]
        and (providers is None or row["provider"] in providers)
    ]


def _compaction(raw: dict[str, Any], name: str) -> int:
    """What compaction adds to a count; the recording's own reading leaves it out."""
    return sum(
        item.get(name) or 0
        for item in raw.get("iterations") or []
        if item.get("type") == "compaction"
    )


def _expected(row: dict[str, Any]) -> dict[str, int]:
    raw, told = row["truth"]["usage"], row["second_opinion"]
    cache_read = (told["cached_read"] or 0) + _compaction(raw, "cache_read_input_tokens")
    extra_input = _compaction(raw, "input_tokens") + _compaction(raw, "cache_read_input_tokens")
    return {
        "input_tokens": (told["input_total"] or raw.get("total_tokens") or 0) + extra_input,
        "output_tokens": (told["output_total"] or 0) + _compaction(raw, "output_tokens"),
        "cache_read": cache_read,
        "cache_write": told["cache_write"] or 0,
        "output_reasoning": told["reasoning"] or 0,
    }


def _found(row: dict[str, Any]) -> dict[str, int]:
    usage = read_usage(_APIS[row["endpoint"]], row["truth"]["usage"])
    assert usage is not None
    return {name: getattr(usage, name) for name in _expected(row)}


def test_openai_azure_and_anthropic_rows_give_exactly_the_recorded_counts() -> None:
    rows = _sound(_OURS)

    wrong = [row["id"] for row in rows if _found(row) != _expected(row)]

    assert len(rows) > 200
    assert wrong == []


def test_rows_of_every_provider_in_these_formats_give_the_recorded_counts() -> None:
    rows = _sound()

    wrong = [row for row in rows if _found(row) != _expected(row)]

    # One gateway says that the same tokens were read from the cache and written to it.
    overlapping = [row for row in wrong if "more than there can be" in (_anomaly(row) or "")]
    assert len(rows) > 500
    assert wrong == overlapping
    assert len(overlapping) <= 1


def test_cache_writes_by_lifetime_add_up_to_the_recorded_ones() -> None:
    rows = [row for row in _sound({"anthropic"}) if row["second_opinion"]["cache_write"]]

    for row in rows:
        usage = read_usage(_APIS[row["endpoint"]], row["truth"]["usage"])
        assert usage is not None
        told = row["second_opinion"]
        assert usage.cache_write == told["cache_write"]
        assert usage.cache_write_5m >= (told["cache_write_5m"] or 0)
        assert usage.cache_write_1h >= (told["cache_write_1h"] or 0)


def test_every_row_that_does_not_add_up_is_flagged() -> None:
    rows = [row for row in _ROWS if row["second_opinion"]["anomaly"]]

    unflagged = [row["id"] for row in rows if not _anomaly(row)]

    assert unflagged == []


def _anomaly(row: dict[str, Any]) -> str | None:
    usage = read_usage(_APIS[row["endpoint"]], row["truth"]["usage"])
    assert usage is not None
    return usage.anomaly
