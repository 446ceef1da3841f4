"""Spans as a person reads them: each with the names of what is above it, oldest first."""

from __future__ import annotations

from typing import Any

from llmtrace import semconv


def paths(spans: list[dict[str, Any]]) -> list[str]:
    """Return ``grandparent > parent > name`` of every span, in the order in which they started."""
    by_id = {span["span_id"]: span for span in spans}

    def path(span: dict[str, Any]) -> str:
        above = by_id.get(span["parent_span_id"])
        return span["name"] if above is None else f"{path(above)} > {span['name']}"

    return [path(span) for span in sorted(spans, key=lambda span: span["start_unix_ns"])]


def counted(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the spans that sums are made of."""
    return [
        span
        for span in spans
        if span["attributes"].get(semconv.OPERATION_NAME) in semconv.INFERENCE_OPERATIONS
    ]


def named(spans: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the only span of a name."""
    (found,) = [span for span in spans if span["name"] == name]
    return found
