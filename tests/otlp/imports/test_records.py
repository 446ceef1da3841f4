"""Ids that repeat at every import, and that are those of a live span where there is one."""

from __future__ import annotations

import pytest

from llmtrace.otlp.imports.records import span_id, stated_cost, trace_id


def test_an_id_of_opentelemetry_stays() -> None:
    assert f"{trace_id('x', '0AF7651916CD43DD8448EB211C80319C'):032x}".upper() == (
        "0AF7651916CD43DD8448EB211C80319C"
    )
    assert span_id("x", "b7ad6b7169203331") == 0xB7AD6B7169203331


@pytest.mark.parametrize("said", ["cm2abc", "0" * 32, "0" * 16, "", "\ud800", "é" * 1000])
def test_any_other_becomes_a_hash_that_is_never_zero(said: str) -> None:
    assert 0 < trace_id("x", said) < 2**128
    assert 0 < span_id("x", said) < 2**64
    assert trace_id("x", said) == trace_id("x", said) != trace_id("y", said)


@pytest.mark.parametrize(
    ("said", "kept"),
    [("0.1", 0.1), (0, 0.0), ("-1", None), ("nan", None), ("=1+1", None), (10**9, None)],
)
def test_a_cost_is_kept_if_it_can_be_one(said: object, kept: float | None) -> None:
    assert list(stated_cost(said).values()) == ([] if kept is None else [kept])
