"""Calls out of the store: by the piece, each once, in order."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import QueryError
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.exporting import Selection, calls_of
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from pathlib import Path


def test_pieces_hold_every_call_once_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.store.exporting._ROWS", 7)
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.insert([call(NOON - timedelta(seconds=13 * number)) for number in range(100)])

        _, pieces = calls_of(writer, Selection())
        tables = list(pieces)

    starts = [row["start_time"] for table in tables for row in table.to_pylist()]
    assert len(tables) > 5
    assert len(starts) == len(set(starts)) == 100
    assert starts == sorted(starts)


def test_a_filter_that_is_no_column_of_ours_is_refused(tmp_path: Path) -> None:
    with (
        Writer(tmp_path / DATABASE_FILE) as writer,
        pytest.raises(QueryError, match="no filter name; there are: provider"),
    ):
        calls_of(writer, Selection(filters={"name": "x"}))
