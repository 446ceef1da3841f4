"""What became of spans that are sent on, for ``/metrics`` and ``/status``. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.collector.exposition import Family, by_label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.collector.forward import Forwarded


def forward_families(figures: Mapping[str, Forwarded]) -> list[Family]:
    """Return the metrics, one sample for each target; without targets none is shown."""
    return [
        by_label(
            "llmtrace_forward_spans_total",
            "counter",
            "Spans that a backend accepted.",
            "target",
            {name: each.sent for name, each in figures.items()},
        ),
        Family(
            name="llmtrace_forward_dropped_spans_total",
            kind="counter",
            meaning="Spans that a backend will not get, by reason.",
            samples=tuple(
                ({"target": name, "reason": reason}, count)
                for name, each in sorted(figures.items())
                for reason, count in sorted(each.dropped.items())
            ),
        ),
        by_label(
            "llmtrace_forward_waiting_bytes",
            "gauge",
            "Bytes on the disk that a backend has not had yet.",
            "target",
            {name: each.waiting_bytes for name, each in figures.items()},
        ),
        by_label(
            "llmtrace_forward_lag_seconds",
            "gauge",
            "Age of the oldest of them, at most; 0 if nothing waits.",
            "target",
            {name: each.lag_s for name, each in figures.items()},
        ),
        by_label(
            "llmtrace_forward_failing",
            "gauge",
            "1 while a backend does not take spans, else 0.",
            "target",
            {name: int(each.problem is not None) for name, each in figures.items()},
        ),
    ]


def forward_status(figures: Mapping[str, Forwarded]) -> dict[str, object]:
    """Return the same as JSON, with why the last attempt failed."""
    return {
        name: {
            "forwarded": each.sent,
            "dropped": dict(each.dropped),
            "waiting_bytes": each.waiting_bytes,
            "lag_s": round(each.lag_s, 3),
            "error": each.problem,
        }
        for name, each in figures.items()
    }
