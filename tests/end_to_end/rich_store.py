"""A store in which every feature was used, for the walk through all pages and for the pictures.

A shop's last days and nine weeks before them: spend that rose today, sessions, tools, cache hits
and a broken prompt cache, errors and retries, calls without a price, replays, spans of another
tool, alerts that fire and fired, budgets; and, for whoever asks, one of every kind of hostile text
in every text that a span can hold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from llmtrace.otlp.rows import SpanRow
from tests.dashboards.alerting import look_back
from tests.dashboards.seeding import busy_day, fill
from tests.dashboards.test_cost import nine_weeks
from tests.dashboards.test_savings import a_day
from tests.store.calls import call, failed, minutes

if TYPE_CHECKING:
    from pathlib import Path

SESSION: Final = "ticket-1042"
HOSTILE_TRACE: Final = "07" * 16
HOSTILE_SPAN: Final = f"{7:016x}"
EXPENSIVE_PROMPT: Final = "Summarise all 1,200 pages of the contract once more."
HOSTILE: Final = (
    "![x](http://evil.invalid/x.png)<img src=http://evil.invalid/y.png onerror=alert(1)>"
    "<script>alert(1)</script> :red[boo] $x^2$ `y` \u202eab\u2066\x1b[31m"
)
RULES: Final = """\
version: 1
defaults: {every: 20m, delay: 0s, keep_firing_for: 20m, min_requests: 5}
budgets:
  - {id: daily, period: day, amount: 12}
  - {id: monthly, period: month, amount: 60}
  - {id: per-user, period: week, amount: 4, by: [user]}
receivers: {on-call: {type: log}}
rules:
  - {id: errors, title: Too many errors, severity: critical,
     when: {metric: error_rate, window: 2h, op: ">", value: 5%}, for: 20m}
  - {id: slow, title: Slow answers, severity: warning, by: [feature],
     when: {metric: latency_p95, window: 2h, op: ">", value: 2950ms}}
  - {id: daily-budget, severity: warning,
     when: {kind: budget, budget: daily, op: ">=", percent: 80}}
  - {id: per-user, severity: info, when: {kind: budget, budget: per-user, op: ">=", percent: 100}}
"""
# What is one of few words in the store, and no text of anybody's.
_CLOSED: Final = frozenset({"kind", "status", "operation", "cost_source", "cache_status", "api"})
_BODIES: Final = frozenset({"request_body", "response_body", "input_messages", "output_messages",
                            "system_instructions", "tool_definitions", "usage_raw", "redacted",
                            "truncated"})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Costly:
    """The one call of ``spike`` that cost most."""

    at: datetime
    user: str = "fay"
    span_id: int = 0x0C057


def fill_richly(home: Path, now: datetime, *, hours: int, hostile: bool) -> None:
    """Store it all, and let the alert engine look at the last ``hours``."""
    rows = [
        *busy_day(now),
        *a_day(now),
        *nine_weeks(now - timedelta(days=3)),
        *conversation(now - minutes(50)),
        *replays(now - minutes(30)),
        *foreign(now - minutes(80)),
        *spike(now),
    ]
    fill(home, [*rows, *(hostile_calls(now - minutes(5)) if hostile else ())])
    look_back(home, RULES, now, hours=hours)


def conversation(at: datetime) -> list[SpanRow]:
    """Return a session of six turns, each of which sends all before it again."""
    history: list[dict[str, str]] = [{"role": "system", "content": "You help the shop's staff."}]
    asked = (
        ("Which orders are late?", "Three: 1042, 1051 and 1077."),
        ("Why is 1042 late?", "The carrier lost a pallet on Tuesday."),
        ("Draft a mail to the customer.", "Dear customer, your parcel needs two days more."),
        ("Shorter, please.", "Your parcel will be with you on Thursday."),
        ("Offer free shipping too.", "It arrives on Thursday; shipping is on us."),
        ("Thank you!", "You are welcome."),
    )
    rows: list[SpanRow] = []
    for number, (question, answer) in enumerate(asked):
        history.append({"role": "user", "content": question})
        reply = {"role": "assistant", "content": answer}
        rows.append(
            call(at + timedelta(seconds=40 * number), session_id=SESSION, user_id="ann",
                 tenant="acme", feature="support", api="openai.chat", request_model="gpt-5-mini",
                 latency_ms=900 + 130 * number, input_tokens=200 + 60 * number, output_tokens=40,
                 cost_usd=Decimal("0.0006") * (number + 1), cache_read_tokens=128 if number else 0,
                 cache_status="hit" if number else "miss",
                 request_body=json.dumps({"model": "gpt-5-mini", "messages": history}),
                 response_body=_answer(answer))
        )  # fmt: skip
        history.append(reply)
    return [*rows, failed(at + timedelta(seconds=15), session_id=SESSION, user_id="ann",
                          retry_count=1)]  # fmt: skip


def spike(now: datetime) -> list[SpanRow]:
    """Return one hour, three hours ago, in which one user's prompts cost more than a day does."""
    costly = costly_of(now)
    ask = {"model": "gpt-5", "messages": [{"role": "user", "content": EXPENSIVE_PROMPT}]}
    return [
        call(costly.at + minutes(number), user_id=costly.user, feature="contracts", tenant="acme",
             api="openai.chat", input_tokens=280_000, output_tokens=9_000, latency_ms=48_000,
             span_id=costly.span_id + number, cost_usd=Decimal("1.9") - number,
             request_body=json.dumps(ask), response_body=_answer("It is about deliveries."))
        for number in range(2)
    ]  # fmt: skip


def costly_of(now: datetime) -> Costly:
    """Return where ``spike`` has its most expensive call."""
    return Costly(at=(now - timedelta(hours=3)).replace(minute=20, second=0, microsecond=0))


def replays(at: datetime) -> list[SpanRow]:
    """Return two replays of the answer in the busy day's conversation."""
    return [
        call(at + minutes(number), feature="replay", tags={"replay_of": f"{4:016x}"},
             request_model=model, cost_usd=Decimal(cost), api="openai.chat",
             request_body=json.dumps({"model": model, "messages": []}),
             response_body=_answer("It left our warehouse this morning, at nine."))
        for number, (model, cost) in enumerate((("gpt-5-mini", "0.0009"), ("gpt-5-nano", "0.0002")))
    ]  # fmt: skip


def foreign(at: datetime) -> list[SpanRow]:
    """Return a trace of another tool: an agent, a search and a call, of an instrumentation."""
    trace: dict[str, Any] = {
        "trace_id": b"\x0f" * 16,
        "origin": "openinference.instrumentation.langchain",
    }
    step = {**trace, "is_inference": False, "input_tokens": None, "output_tokens": None,
            "cost_usd": None, "cost_source": None, "request_model": None}  # fmt: skip
    return [
        call(at, **step, span_id=0xF1, name="AgentExecutor", operation="invoke_agent",
             agent_name="librarian", latency_ms=4_000),
        call(at, **step, span_id=0xF2, parent_span_id=0xF1, name="search", tool_name="search",
             operation="execute_tool", latency_ms=700),
        call(at + minutes(0.02), **trace, span_id=0xF3, parent_span_id=0xF1, latency_ms=2_300,
             provider="anthropic", request_model="claude-sonnet-4-5",
             attributes={"openinference.span.kind": "LLM"}),
    ]  # fmt: skip


def hostile_calls(at: datetime) -> list[SpanRow]:
    """Return calls whose every text is hostile: priced, without a price, failed."""
    texts = hostile_texts()
    talk = [{"role": "user", "content": HOSTILE}]
    bodies: dict[str, Any] = {
        "api": "openai.chat",
        "request_body": json.dumps({"model": HOSTILE, "messages": talk}),
        "response_body": _answer(HOSTILE),
    }
    trace = bytes.fromhex(HOSTILE_TRACE)
    return [
        call(at, **texts, **bodies, trace_id=trace, span_id=7),
        call(at, **{**texts, **bodies, "cost_usd": None, "cost_source": "unpriced"}),
        failed(at, **{**texts, "request_model": f"={HOSTILE}"}, trace_id=trace, span_id=8,
               parent_span_id=7),
    ]  # fmt: skip


def hostile_texts(text: str = HOSTILE) -> dict[str, Any]:
    """Return every column of a span that holds text of somebody's, with ``text`` in it."""
    named = [
        name
        for name, kind in SpanRow.__annotations__.items()
        if kind in {"str", "str | None"} and name not in _CLOSED | _BODIES
    ]
    return {
        **dict.fromkeys(named, text),
        "tags": {text: text},
        "attributes": {text: text},
        "resource": {text: text},
        "finish_reasons": (text,),
    }


def _answer(text: str) -> str:
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
