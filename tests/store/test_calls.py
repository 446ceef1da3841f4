"""Whole stored calls, as replay asks for them; more of it is in tests/cli/test_replay.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.store import Writer, open_store
from llmtrace.store.calls import calls_by_span, calls_of_trace, latest_calls
from tests.store.calls import NOON, call, minutes

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_store_has_no_calls(home: Path) -> None:
    with open_store(home) as store:
        assert calls_by_span(store, "abcd") == []
        assert calls_of_trace(store, "ab" * 16) == []
        assert latest_calls(store, limit=3) == []


def test_calls_are_found_by_how_their_id_begins_up_to_the_highest(tmp_path: Path) -> None:
    ids = (0, 0xAB << 56, 0xABC << 52, 0xAC << 56, 2**64 - 1)
    with Writer(tmp_path / "llmtrace.duckdb") as store:
        # Hours apart, so that each lies elsewhere.
        store.insert([call(NOON + minutes(60 * n), span_id=each) for n, each in enumerate(ids)])

        def found(prefix: str) -> list[int]:
            return [int(row["span_id"], 16) for row in calls_by_span(store, prefix)]

        assert found("ab") == [0xAB << 56, 0xABC << 52]
        assert found("AbC") == [0xABC << 52]
        assert found("f" * 16) == [2**64 - 1]
        assert found("0" * 16) == [0]
        assert found("00000001") == []
        assert found("a") == [0xAB << 56, 0xABC << 52, 0xAC << 56]


def test_the_calls_of_a_trace_come_with_their_bodies_in_order(tmp_path: Path) -> None:
    trace = bytes.fromhex("ab" * 16)
    with Writer(tmp_path / "llmtrace.duckdb") as store:
        store.insert([call(NOON + minutes(90), trace_id=trace, span_id=2, request_body="second"),
                      call(NOON, trace_id=trace, span_id=1, request_body="first"),
                      call(NOON + minutes(1))])  # fmt: skip

        rows = calls_of_trace(store, "AB" * 16)

        assert [row["request_body"] for row in rows] == ["first", "second"]


def test_the_latest_calls_come_first_and_no_more_than_asked_for(tmp_path: Path) -> None:
    with Writer(tmp_path / "llmtrace.duckdb") as store:
        store.insert([call(NOON + minutes(n), span_id=n + 1) for n in range(80)])

        rows = latest_calls(store, limit=3)

        assert [int(row["span_id"], 16) for row in rows] == [80, 79, 78]
