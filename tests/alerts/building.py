"""Short ways to write rules, samples and calls in the alert tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmtrace.alerts.model import AlertRule, Budget, BudgetShare, Threshold
from llmtrace.alerts.step import Sample
from llmtrace.otlp.rows import SpanRow

if TYPE_CHECKING:
    from llmtrace.alerts.model import Labels

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SLACK_ENV = "LLMTRACE_TEST_SLACK"


def a_rule(**fields: Any) -> AlertRule:
    """Return an error-rate rule that fires at once and resolves at once."""
    known: dict[str, Any] = {
        "id": "errors",
        "title": "Errors",
        "severity": "critical",
        "when": Threshold(metric="error_rate", window=5 * MINUTE, op=">", value=Decimal("0.05")),
        "every": MINUTE,
        "delay": timedelta(0),
        "hold": timedelta(0),
        "keep_firing_for": timedelta(0),
        "min_requests": 0,
        "no_data": "ok",
    }
    return AlertRule(**(known | fields))


def a_budget_rule(amount: str = "10", percent: str = "100", **fields: Any) -> AlertRule:
    """Return a rule on a daily budget in UTC."""
    budget_fields: dict[str, Any] = {
        "id": "daily",
        "period": "day",
        "amount_usd": Decimal(amount),
        "timezone": "UTC",
    } | fields.pop("budget", {})
    share = BudgetShare(budget=Budget(**budget_fields), op=">=", percent=Decimal(percent))
    return a_rule(**({"id": "spend", "when": share, "by": share.budget.by} | fields))


def a_sample(value: str | None, labels: Labels = (), **fields: Any) -> Sample:
    """Return what a query says, from 100 requests."""
    known: dict[str, Any] = {"requests": 100, "threshold": Decimal("0.05")}
    number = None if value is None else Decimal(value)
    return Sample(labels=labels, value=number, **(known | fields))


_span_ids = iter(range(1, 10**9))


def a_call(at: datetime, **fields: Any) -> SpanRow:
    """Return one inference span of a second that cost one cent and went well."""
    number = next(_span_ids)
    start_us = int(at.timestamp() * 1e6)
    known: dict[str, Any] = {
        "trace_id": number.to_bytes(16, "big"),
        "span_id": number,
        "start_time_us": start_us,
        "end_time_us": start_us + 1_000_000,
        "duration_ns": 1_000_000_000,
        "name": "chat m",
        "is_inference": True,
        "operation": "chat",
        "provider": "openai",
        "request_model": "m",
        "cost_usd": Decimal("0.01"),
        "cost_source": "list",
    }
    return SpanRow(**(known | fields))


def a_failed_call(at: datetime, **fields: Any) -> SpanRow:
    """Return a call that failed for a rate limit; it cost nothing."""
    known: dict[str, Any] = {
        "status": "error",
        "error_type": "rate_limit",
        "http_status": 429,
        "cost_usd": Decimal(0),
    }
    return a_call(at, **(known | fields))
