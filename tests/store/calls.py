"""Builders of stored calls with hand-countable numbers, for tests of what reads the store."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from llmtrace.clock import unix_ns
from llmtrace.otlp.rows import SpanRow

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
"""A Wednesday."""

_numbers = itertools.count(1)


def call(at: datetime = NOON, *, latency_ms: float | None = 1_000, **columns: object) -> SpanRow:
    """Return one answered, priced chat call of 100 + 20 tokens for $0.01, changed by ``columns``.

    Each call is the root of a trace of its own unless ``trace_id`` says otherwise.
    """
    number = next(_numbers)
    start_us = unix_ns(at) // 1_000
    settings: dict[str, object] = {
        "trace_id": number.to_bytes(16, "big"),
        "span_id": number,
        "start_time_us": start_us,
        "end_time_us": start_us + int((latency_ms or 0) * 1_000),
        "duration_ns": None if latency_ms is None else int(latency_ms * 1_000_000),
        "name": "chat gpt-5",
        "kind": "client",
        "service": "shop",
        "environment": "prod",
        "is_inference": True,
        "operation": "chat",
        "provider": "openai",
        "request_model": "gpt-5",
        "input_tokens": 100,
        "output_tokens": 20,
        "cost_usd": Decimal("0.01"),
        "cost_source": "list",
        **columns,
    }
    return SpanRow(**settings)  # pyright: ignore[reportArgumentType]  # a test's own keywords


def failed(at: datetime = NOON, **columns: object) -> SpanRow:
    """Return one call that a rate limit refused: no tokens, no cost."""
    settings: dict[str, object] = {
        "status": "error",
        "error_type": "RateLimitError",
        "http_status": 429,
        "status_message": "Rate limit reached",
        "input_tokens": None,
        "output_tokens": None,
        "cost_usd": None,
        "cost_source": None,
        **columns,
    }
    return call(at, **settings)  # pyright: ignore[reportArgumentType]  # as above


def minutes(count: float) -> timedelta:
    """Return so many minutes."""
    return timedelta(minutes=count)
