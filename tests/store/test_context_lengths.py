"""Lengths of prompts fall into the step that a person would put them in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import QueryError
from llmtrace.store import Writer
from llmtrace.store.context_lengths import context_lengths
from llmtrace.store.metrics import MetricQuery
from tests.store.calls import NOON, call, failed, minutes

if TYPE_CHECKING:
    from pathlib import Path

QUERY = MetricQuery(measures=("requests",), start=NOON, end=NOON + minutes(1))


def test_each_power_of_two_begins_a_step(tmp_path: Path) -> None:
    lengths = (0, 1, 2, 3, 4, 1_023, 1_024, 2_047, 2**40 - 1, 2**40)
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert([*(call(input_tokens=length) for length in lengths), failed()])
        writer.insert([call(input_tokens=7, user_id="ann"), call(NOON - minutes(1))])

        rows = context_lengths(writer, QUERY).to_pylist()
        anns = context_lengths(writer, replace(QUERY, filters={"user": ("ann",)})).to_pylist()

        with pytest.raises(QueryError, match="unknown dimension"):
            context_lengths(writer, replace(QUERY, filters={"colour": ("red",)}))

    assert {row["from_tokens"]: row["calls"] for row in rows} == {
        0: 1, 1: 1, 2: 2, 4: 2, 512: 1, 1_024: 2, 2**39: 1, 2**40: 1,
    }  # fmt: skip
    assert [row["from_tokens"] for row in rows] == sorted(row["from_tokens"] for row in rows)
    assert sum(row["input_tokens"] for row in rows) == sum(lengths) + 7
    assert anns == [{"from_tokens": 4, "calls": 1, "input_tokens": 7}]
