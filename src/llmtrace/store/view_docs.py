"""What the views mean that people may ask in SQL: the one place that says it.

The SQL console's tree and ``docs/sql.md`` are made of it; their types come from the store itself.
A test holds the names against the schema. Nothing here is a limit: other tables can be read, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmtrace.store.named_sql import named_sql
from llmtrace.store.own_sql import ask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmtrace.store.reading import Store

_CALL: Final[Mapping[str, str]] = {
    "start_time": "When the call began, UTC",
    "end_time": "When it ended, UTC",
    "trace_id": "32 hex digits; all steps of one piece of work share it",
    "span_id": "16 hex digits",
    "parent_span_id": "The step that made the call; NULL at the top of a trace",
    "name": "Operation and model, or what the app called it",
    "service": "Program that made the call",
    "environment": "As prod or staging",
    "sdk": "Library that the call went through",
    "origin": "Instrumentation that told of the call",
    "provider": "As openai, anthropic, aws.bedrock",
    "operation": "As chat, embeddings, image_generation",
    "request_model": "Model that was asked for",
    "response_model": "Model that answered, if it said so",
    "model": "response_model, else request_model",
    "user_id": "Whom the call was made for: llmtrace.attribute(user=…)",
    "tenant": "The customer it was made for",
    "session_id": "The conversation it belongs to",
    "feature": "The part of your product that made it",
    "tags": "Your own keys and values: tags['team']",
    "status": "ok or error",
    "is_error": "status is error",
    "error_type": "As RateLimitError",
    "status_message": "What the error said",
    "http_status": "Of the last answer",
    "finish_reasons": "Why the model stopped: stop, length, tool_calls",
    "response_id": "The provider's id of the answer",
    "request_id": "The provider's id of the request, for its support",
    "service_tier": "Tier that served it, as flex, priority or batch",
    "is_stream": "Whether the answer came in pieces",
    "stream_outcome": "How a stream ended: completed, abandoned, failed",
    "retry_count": "Attempts after the first that the SDK made",
    "latency_ms": "From call to end, in milliseconds, retries included",
    "ttfc_ms": "Until the first piece of a streamed answer, in milliseconds",
    "input_tokens": "All input, cached included; NULL: not told",
    "output_tokens": "All output, reasoning included; NULL: not told",
    "cache_read_tokens": "Input read from the provider's cache",
    "cache_write_tokens": "Input written to it",
    "cache_write_5m_tokens": "Of these, kept for five minutes",
    "cache_write_1h_tokens": "Of these, kept for an hour",
    "reasoning_tokens": "Output that was thinking, part of output_tokens",
    "usage_source": "Who counted the tokens: provider, partial, estimated",
    "usage_anomaly": "What does not add up in the provider's own count",
    "cost_usd": "US dollars, exact to 12 decimals; NULL: no price known, not 0",
    "cost_input_usd": "For uncached input",
    "cost_output_usd": "For output",
    "cost_cache_read_usd": "For input read from a cache",
    "cost_cache_write_usd": "For input written to one",
    "cost_tools_usd": "For searches, images and other fees",
    "cost_source": "Whose price: provider, override, list, estimated, unpriced",
    "price_version": "Price list or line of prices.yaml that priced it",
    "is_unpriced": "Answered, and no price is known",
    "cache_status": "hit, miss or bypass; NULL: not told",
    "cache_savings_usd": "What cached input would have cost more",
    "rate_limit_limit_requests": "Requests that the rate limit allows, by the answer's headers",
    "rate_limit_remaining_requests": "Requests that were left of it",
    "rate_limit_limit_tokens": "Tokens that it allows",
    "rate_limit_remaining_tokens": "Tokens that were left of it",
    "attributes": "Everything else the span says: attributes['key']",
}
_FULL: Final[Mapping[str, str]] = {
    **_CALL,
    "api": "Whose wire format the bodies are, as openai.chat",
    "request_body": "What was sent, JSON, after redaction",
    "response_body": "What came back",
    "input_messages": "Messages in, in OpenTelemetry's form, if told so",
    "output_messages": "Messages out",
    "system_instructions": "Instructions apart from the messages",
    "tool_definitions": "Tools that were offered to the model",
    "usage_raw": "The provider's own count, JSON",
    "redacted": "What was replaced before it was kept",
    "truncated": "What was cut short",
}
_SUMS: Final[Mapping[str, str]] = {
    "input_tokens": "Sum over its calls",
    "output_tokens": "Sum over its calls",
    "cost_usd": "US dollars of its priced calls; NULL: none is priced",
    "unpriced_calls": "Calls that cost_usd lacks",
}
_ALERT: Final[Mapping[str, str]] = {
    "rule_id": "The rule, as its file calls it",
    "key": "The rule and its labels",
    "episode": "One run from pending to resolved",
    "severity": "As the rule says: info, warning, critical",
    "labels": "What the alert is about: labels['model']",
    "value": "What was measured",
    "threshold": "What it was held against",
    "summary": "In words",
}
VIEWS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "llm_calls": ("One row a call to a model, billed or failed", _CALL),
    "llm_calls_full": ("The same with what was said; read few rows of it", _FULL),
    "traces": (
        "One row a trace: a piece of work with all its steps",
        {
            "trace_id": "32 hex digits",
            "start_time": "Of its first step, UTC",
            "duration_ms": "From first begin to last end, in milliseconds",
            "name": "Of the step at the top",
            "service": "Program that began it",
            "environment": "As prod or staging",
            "user_id": "Of the first step",
            "tenant": "Of the first step",
            "session_id": "Of the first step",
            "feature": "Of the first step",
            "spans": "Steps of any kind",
            "llm_calls": "Of these, calls to a model",
            "errors": "Steps of any kind that failed",
            **_SUMS,
            "models": "Models that answered, in alphabetical order",
        },
    ),
    "sessions": (
        "One row a conversation",
        {
            "session_id": "As the app named it",
            "user_id": "Of the first step",
            "tenant": "Of the first step",
            "start_time": "Of its first step, UTC",
            "end_time": "Of its last step, UTC",
            "traces": "Pieces of work in it",
            "llm_calls": "Calls to a model",
            "errors": "Steps of any kind that failed",
            **_SUMS,
        },
    ),
    "daily_cost": (
        "What each UTC day cost, by who and what",
        {
            "day": "UTC",
            "provider": "As openai",
            "model": "Model that answered, else that was asked for",
            "user_id": "Whom the calls were made for",
            "tenant": "The customer",
            "feature": "The part of your product",
            "service": "Program that made the calls",
            "environment": "As prod or staging",
            "requests": "Calls",
            "errors": "Of these, failed",
            "cache_read_tokens": "Input read from a cache",
            "cache_savings_usd": "What cached input would have cost more",
            **_SUMS,
        },
    ),
    "errors": ("The calls of llm_calls that failed", _CALL),
    "unpriced": (
        "Models without a price",
        {
            "provider": "As vllm",
            "model": "Model that answered, else that was asked for",
            "calls": "Calls without a price",
            "input_tokens": "Their input",
            "output_tokens": "Their output",
            "first_seen": "The first such call, UTC",
            "last_seen": "The latest, UTC",
        },
    ),
    "alert_instances": (
        "Alerts that are pending or firing now",
        {
            **_ALERT,
            "title": "Of the rule",
            "period": "Of a budget: the day, week or month",
            "state": "pending or firing",
            "since": "When it left its limits, UTC",
            "fired_at": "When it began to fire, UTC",
            "calm_since": "When it came back within its limits, UTC",
            "last_tick": "End of the window that was looked at last, UTC",
        },
    ),
    "alert_history": (
        "Every change of every alert",
        {
            **_ALERT,
            "tick": "End of the window that showed it, UTC",
            "recorded_at": "When it was found, UTC",
            "kind": "pending, cleared, firing or resolved",
            "reason": "Why",
            "is_late": "Found after downtime, not when it happened",
        },
    ),
    "audit": (
        "Who changed, deleted or looked at what, by commands and pages",
        {
            "recorded_at": "UTC",
            "actor": "Who asked, as they said",
            "operation": "As retention, reprice, forget",
            "subject": "Whom it was about, as a hash",
            "arguments": "What was asked, JSON",
            "outcome": "What came of it, JSON",
        },
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a view."""

    name: str
    type: str
    """DuckDB's, as ``DECIMAL(18,12)``."""
    meaning: str
    """Empty if nobody has written it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view or table that people ask."""

    name: str
    meaning: str
    columns: tuple[Column, ...]


def documented_views(store: Store) -> list[View]:
    """Return the views in their order, with the types that this store has. Raises StoreError."""
    rows = ask(store, named_sql("view_columns"), [list(VIEWS)]).to_pylist()
    return [
        View(
            name=name,
            meaning=meaning,
            columns=tuple(
                Column(name=row["name"], type=row["type"], meaning=columns.get(row["name"], ""))
                for row in rows
                if row["relation"] == name
            ),
        )
        for name, (meaning, columns) in VIEWS.items()
    ]


def views_markdown(views: Sequence[View]) -> str:
    """Return the views as the sections of ``docs/sql.md``."""
    sections: list[str] = []
    for view in views:
        columns = [
            f"| `{column.name}` | `{column.type}` | {column.meaning} |" for column in view.columns
        ]
        lines = ["| column | type | meaning |", "|---|---|---|", *columns]
        if view.name == "errors":
            lines = ["Columns as in `llm_calls`."]
        sections.append("\n".join([f"### `{view.name}`", "", f"{view.meaning}.", "", *lines]))
    return "\n\n".join(sections)
