"""What stored calls would have cost at other prices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmtrace.clock import FixedClock
from llmtrace.otlp.rows import SpanRow
from llmtrace.pricing import PriceBook, load_overrides
from llmtrace.store import DATABASE_FILE, Writer, open_store
from llmtrace.store.repricing import compare_costs

if TYPE_CHECKING:
    from pathlib import Path

_NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _call(number: int, **more: Any) -> SpanRow:
    start = int(_NOW.timestamp() * 1_000_000) + number
    given: dict[str, Any] = {
        "provider": "openai",
        "request_model": "gpt-5",
        "cost_source": "list",
        "input_tokens": 1_000_000,
        "output_tokens": 0,
    }
    return SpanRow(
        trace_id=number.to_bytes(16, "big"),
        span_id=number,
        start_time_us=start,
        end_time_us=start + 10,
        duration_ns=10_000,
        name="chat",
        is_inference=True,
        operation="chat",
        **given | more,
    )


def test_calls_are_priced_twice_and_added_up_by_model(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("- {model: 'gpt-5*', usd_per_mtok: {input: 1, output: 1}}")
    rows = [
        _call(1),
        _call(2),
        _call(3, request_model="gpt-5-mini"),
        _call(4, request_model="house", cost_source="unpriced"),
        _call(5, cost_source="provider"),
    ]
    with Writer(tmp_path / DATABASE_FILE, clock=FixedClock(_NOW)) as writer:
        writer.insert(rows)

    with open_store(tmp_path) as store:
        found, is_cut = compare_costs(
            store, _NOW - timedelta(days=1), PriceBook(), PriceBook(load_overrides(own))
        )

    assert not is_cut
    assert [(row.model, row.calls, row.before_usd, row.after_usd) for row in found] == [
        ("gpt-5", 2, Decimal("2.5"), 2),
        ("gpt-5-mini", 1, Decimal("0.25"), 1),
        ("house", 1, 0, 0),
    ]
    assert (found[2].unpriced_before, found[2].unpriced_after) == (1, 1)
