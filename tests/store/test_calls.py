"""Whole stored calls, as replay asks for them; more of it is in tests/cli/test_replay.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.store import open_store
from llmtrace.store.calls import calls_by_span, calls_of_trace, latest_calls

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_store_has_no_calls(home: Path) -> None:
    with open_store(home) as store:
        assert calls_by_span(store, "abcd") == []
        assert calls_of_trace(store, "ab" * 16) == []
        assert latest_calls(store, limit=3) == []
