"""A small shop's day of calls, as a home that the pages read; money that a person can add up.

Three models over the last day, two of them priced; one trace with steps, messages and a failure.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmtrace.store import DATABASE_FILE, Writer
from tests.store.calls import call, failed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow

TRACE = bytes.fromhex("5ca1ab1e" * 4)
QUESTION = "Where is my order 1042?"
ANSWER = "It left the warehouse this morning."


def fill(home: Path, rows: Iterable[SpanRow]) -> None:
    """Store rows in a home."""
    home.mkdir(parents=True, exist_ok=True)
    with Writer(home / DATABASE_FILE) as writer:
        writer.insert(list(rows))


def recently() -> datetime:
    """Return a moment shortly before now."""
    return datetime.now(UTC) - timedelta(minutes=3)


def conversation_trace(at: datetime) -> list[SpanRow]:
    """Return a trace of an agent that looks something up, answers, and once is refused."""
    request = {
        "model": "gpt-5",
        "messages": [
            {"role": "system", "content": "You help the shop's customers."},
            {"role": "user", "content": QUESTION},
        ],
    }
    response = {
        "id": "chatcmpl-1",
        "model": "gpt-5",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": ANSWER},
                "finish_reason": "stop",
            }
        ],
    }
    second = timedelta(seconds=1)
    about: dict[str, object] = {
        "trace_id": TRACE, "user_id": "ann", "feature": "support", "tenant": "acme",
    }  # fmt: skip
    step: dict[str, object] = {
        **about, "is_inference": False, "input_tokens": None, "output_tokens": None,
        "cost_usd": None, "cost_source": None, "request_model": None,
    }  # fmt: skip
    return [
        call(at, **step, span_id=1, name="answer customer", operation="invoke_agent",
             latency_ms=5_200),
        failed(at + second * 0.1, **about, span_id=2, parent_span_id=1, latency_ms=400),
        call(at + second * 0.6, **step, span_id=3, parent_span_id=1, name="look up order",
             operation="execute_tool", tool_name="orders", latency_ms=900),
        call(at + second * 1.6, **about, span_id=4, parent_span_id=1, latency_ms=3_500,
             input_tokens=1_200, output_tokens=80, cache_read_tokens=1_000, cache_status="hit",
             cost_usd=Decimal("0.0042"), cost_input_usd=Decimal("0.0012"),
             cost_cache_read_usd=Decimal("0.001"), cost_output_usd=Decimal("0.002"),
             cache_savings_usd=Decimal("0.009"), price_version="prices.yaml:3",
             usage_source="provider", api="openai.chat", tags={"team": "core"},
             request_body=json.dumps(request), response_body=json.dumps(response)),
    ]  # fmt: skip


def busy_day(now: datetime) -> list[SpanRow]:
    """Return a day of calls of several users, features and models, one of them unpriced."""
    rows = conversation_trace(now - timedelta(minutes=7))
    models = (("openai", "gpt-5", "0.031"), ("anthropic", "claude-sonnet-4-5", "0.052"),
              ("openai", "gpt-5-mini", "0.0042"))  # fmt: skip
    users, features = ("ann", "bob", "cyd", "dan", "eve"), ("support", "search", "extract")
    for number in range(400):
        provider, model, cost = models[number * 7 % 3]
        at = now - timedelta(minutes=3 + number * number * 7 % 2_860)
        rows.append(
            call(at, provider=provider, request_model=model, name=f"chat {model}",
                 user_id=users[number * 3 % 11 % 5], feature=features[number % 3],
                 tenant=("acme", "globex")[number % 2], cost_usd=Decimal(cost),
                 input_tokens=800 + number % 90, output_tokens=120 + number % 40,
                 latency_ms=600 + number * 37 % 2_400,
                 cache_status="hit" if number % 3 else "miss",
                 cache_savings_usd=Decimal("0.01"),
                 **_reliability(number, at)),
        )  # fmt: skip
        if number % 23 == 0:
            rows.append(failed(at, provider=provider, request_model=model, user_id="bob"))
        if number % 61 == 0:
            rows.append(failed(at, provider=provider, request_model=model, user_id="bob",
                               error_type="APITimeoutError", http_status=504,
                               status_message="Request timed out."))  # fmt: skip
    rows.extend(
        call(now - timedelta(hours=number), request_model="in-house-7b", name="chat in-house-7b",
             provider="vllm", cost_usd=None, cost_source="unpriced", user_id="eve")
        for number in range(1, 6)
    )  # fmt: skip
    return rows


def _reliability(number: int, at: datetime) -> dict[str, Any]:
    """Return what an answer says beside its tokens; searches carry a clock in their prompt."""
    instructions = "You help the shop's customers. Answer in one sentence."
    if number % 3 == 1:
        instructions = f"The time is {at:%H:%M}. You search the shop's catalogue."
    request = {
        "model": "gpt-5",
        "messages": [
            {"role": "system", "content": instructions},
            {"role": "user", "content": f"Question {number}"},
        ],
    }
    return {
        "api": "openai.chat",
        "request_body": json.dumps(request),
        "ttfc_ns": (180 + number * 29 % 700) * 1_000_000 if number % 4 else None,
        "retry_count": 1 if number % 19 == 0 else 0,
        "finish_reasons": ["length" if number % 31 == 0 else "stop"],
        "cache_read_tokens": 640 if number % 3 else 0,
        "cost_input_usd": Decimal("0.001"),
        "rate_limit_limit_requests": 500,
        "rate_limit_remaining_requests": 480 - number % 400,
    }
