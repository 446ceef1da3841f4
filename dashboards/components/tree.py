"""The spans of a trace as a tree, flattened in the order in which a waterfall shows them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One span of a trace, where it stands in the tree and in time."""

    span_id: str
    started: datetime
    """Naive UTC, as stored."""
    name: str
    depth: int
    start_ms: float
    duration_ms: float
    kind: str
    is_call: bool
    cost: Decimal | None


def tree(rows: Sequence[dict[str, Any]]) -> list[Step]:
    """Order spans as a tree, siblings by start; a span whose parent is unknown is a root."""
    known = {row["span_id"] for row in rows}
    children: dict[str | None, list[dict[str, Any]]] = {}
    for row in rows:
        parent = row["parent_span_id"]
        is_child = parent in known and parent != row["span_id"]
        children.setdefault(parent if is_child else None, []).append(row)
    steps: list[Step] = []
    waiting = [(row, 0) for row in reversed(children.pop(None, []))]
    while waiting:
        row, depth = waiting.pop()
        steps.append(_step(row, depth))
        below = children.pop(row["span_id"], [])
        waiting.extend((child, depth + 1) for child in reversed(below))
    # What is left are spans that name one another as parents: shown, at the end.
    steps.extend(_step(row, 0) for group in children.values() for row in group)
    return steps


def _step(row: Mapping[str, Any], depth: int) -> Step:
    if row["status"] == "error":
        kind = "Error"
    elif row["is_inference"]:
        kind = "LLM call"
    else:
        kind = "Tool" if row["tool_name"] or row["operation"] == "execute_tool" else "Step"
    return Step(
        span_id=row["span_id"],
        started=row["start_time"],
        name=row["name"],
        depth=depth,
        start_ms=row["start_ms"],
        duration_ms=row["duration_ms"],
        kind=kind,
        is_call=row["is_inference"],
        cost=row["cost_usd"],
    )
