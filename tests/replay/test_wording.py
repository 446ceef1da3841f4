"""A plan and a result in words."""

from __future__ import annotations

from decimal import Decimal

from llmtrace.replay.compare import Side, compare
from llmtrace.replay.plan import ReplayPlan
from llmtrace.replay.wording import body_lines, plan_lines, side_line, verdict


def _plan(estimated_usd: Decimal | None, note: str | None = None) -> ReplayPlan:
    return ReplayPlan(
        span_id="1",
        api="openai.chat",
        provider="openai",
        server_address=None,
        body={"model": "gpt-5"},
        is_stream=False,
        model="gpt-5",
        changes=("temperature: 1 → 0",),
        estimated_usd=estimated_usd,
        estimate_note=note,
    )


def test_a_plan_says_what_goes_where_and_what_it_may_cost() -> None:
    assert plan_lines(_plan(Decimal("0.010"))) == [
        "would send openai.chat to the address that the SDK chooses",
        "model      gpt-5",
        "change     temperature: 1 → 0",
        "cost       about $0.01 (the stored tokens, uncached, at today's prices)",
    ]
    assert body_lines(_plan(None)) == ["{", '  "model": "gpt-5"', "}"]


def test_an_unknown_cost_is_said_with_its_reason() -> None:
    assert plan_lines(_plan(None, "no tokens"), "http://here")[0].endswith("to http://here")
    assert plan_lines(_plan(None, "no tokens"))[-1] == "cost       unknown: no tokens"


def test_a_side_says_what_it_does_not_know() -> None:
    assert (
        side_line(Side(text=None)) == "? · ? tokens in · ? out · unpriced · ? ms · no finish reason"
    )


def test_the_verdict_is_same_alike_or_unknown() -> None:
    one, other = Side(text="a b c d"), Side(text="a b c e")

    assert verdict(compare(one, one)) == "the same"
    assert verdict(compare(one, other)) == "differs, 75% alike"
    assert verdict(compare(one, Side(text=None))).startswith("cannot be compared")
