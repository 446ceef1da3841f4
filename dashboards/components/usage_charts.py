"""The chart of prompt lengths as a plain Vega-Lite dictionary, and the same as a table. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dashboards.components.format import count, short_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.components.chart import Table
    from dashboards.data_usage import Length

_HEIGHT: Final = 240


def lengths_chart(steps: Sequence[Length]) -> dict[str, Any]:
    """Return how many prompts are how long, a bar for each doubling."""
    names = [step_name(step.from_tokens) for step in steps]
    rows = [
        {
            "from": name,
            "calls": float(step.calls),  # Vega cannot scale 64-bit integers
            "told": count(step.calls),
            "tokens": short_count(step.input_tokens),
        }
        for name, step in zip(names, steps, strict=True)
    ]
    return {
        "data": {"values": rows},
        "height": _HEIGHT,
        "mark": {"type": "bar", "cornerRadiusEnd": 2, "tooltip": True, "color": "#4C6FFF"},
        "encoding": {
            "x": {
                "field": "from",
                "type": "ordinal",
                "sort": names,
                "title": None,
                "axis": {"labelAngle": 0, "ticks": False, "labelOverlap": True},
            },
            "y": {
                "field": "calls",
                "type": "quantitative",
                "title": None,
                "axis": {"format": "~s", "tickCount": 4, "tickMinStep": 1},
            },
            "tooltip": [
                {"field": "from", "type": "nominal", "title": "Input tokens from"},
                {"field": "told", "type": "nominal", "title": "Calls"},
                {"field": "tokens", "type": "nominal", "title": "Tokens together"},
            ],
        },
    }


def lengths_table(steps: Sequence[Length]) -> Table:
    """Return the figures of ``lengths_chart``."""
    rows = [
        [step_name(step.from_tokens), count(step.calls), short_count(step.input_tokens)]
        for step in steps
    ]
    return ("Input tokens from", "Calls", "Tokens together"), rows


def step_name(tokens: int) -> str:
    """Return a power of two as it is called: 512, 1k, 128k, 1M."""
    for size, unit in ((1 << 20, "M"), (1 << 10, "k")):
        if tokens >= size:
            return f"{tokens // size:,}{unit}"
    return str(tokens)
