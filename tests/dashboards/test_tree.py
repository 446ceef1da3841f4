"""Spans become a tree whatever they say of their parents; none is lost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dashboards.components.tree import tree


def span(span_id: str, parent: str | None = None, **changes: object) -> dict[str, Any]:
    return {
        "span_id": span_id,
        "parent_span_id": parent,
        "name": span_id,
        "start_time": datetime(2026, 11, 18, 12),  # noqa: DTZ001  # naive UTC, as stored
        "start_ms": 0.0,
        "duration_ms": 1.0,
        "status": "ok",
        "is_inference": False,
        "tool_name": None,
        "operation": None,
        "cost_usd": None,
        **changes,
    }


def outline(*rows: dict[str, Any]) -> list[tuple[str, int]]:
    return [(step.span_id, step.depth) for step in tree(rows)]


def test_children_follow_their_parent_in_order_of_start() -> None:
    assert outline(span("a"), span("b", "a"), span("c"), span("d", "b"), span("e", "a")) == [
        ("a", 0), ("b", 1), ("d", 2), ("e", 1), ("c", 0),
    ]  # fmt: skip


def test_a_span_whose_parent_is_not_here_is_a_root() -> None:
    assert outline(span("a", "elsewhere")) == [("a", 0)]


def test_spans_that_are_one_anothers_parents_are_shown_once() -> None:
    assert sorted(outline(span("a", "b"), span("b", "a"), span("c", "c"))) == [
        ("a", 0), ("b", 0), ("c", 0),
    ]  # fmt: skip


def test_kinds_tell_errors_calls_and_tools_apart() -> None:
    rows = [
        span("a", status="error", is_inference=True),
        span("b", is_inference=True),
        span("c", operation="execute_tool"),
        span("d"),
    ]

    assert [step.kind for step in tree(rows)] == ["Error", "LLM call", "Tool", "Step"]
