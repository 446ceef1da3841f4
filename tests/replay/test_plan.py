"""What is sent again, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from llmtrace.errors import ReplayError
from llmtrace.records import UNPRICED, Cost, TokenUsage
from llmtrace.replay import run
from llmtrace.replay.plan import REPLAYABLE_APIS, check_budget, plan_replay
from llmtrace.replay.stored import StoredCall, stored_call
from tests.replay.rows import CHAT, row


def _price(
    provider: str,
    model: str | None,
    usage: TokenUsage,
    tier: str | None,
    reported_usd: Decimal | None,
) -> Cost:
    """One cent a token in, two out; only this model has a price."""
    if model != "gpt-4o-mini":
        return UNPRICED
    cents = Decimal(usage.input_tokens) + 2 * Decimal(usage.output_tokens)
    return Cost(total_usd=cents / 100, source="list")


def _call(request: Any = CHAT, **more: Any) -> StoredCall:
    return stored_call(row("openai.chat", request, {"choices": []}, **more))


def test_the_body_is_sent_as_it_was_stored() -> None:
    plan = plan_replay(_call({**CHAT, "stream": True}), price=_price)

    assert plan.body == {**CHAT, "stream": True}
    assert (plan.model, plan.is_stream, plan.changes) == ("gpt-4o-mini", True, ())


def test_another_model_and_parameters_are_laid_over_it() -> None:
    request = {**CHAT, "temperature": 1, "seed": 7}

    plan = plan_replay(
        _call(request),
        price=_price,
        model="gpt-4o",
        overrides={"temperature": 0, "seed": None, "reasoning.effort": "low"},
    )

    assert plan.body == {
        **CHAT,
        "model": "gpt-4o",
        "temperature": 0,
        "reasoning": {"effort": "low"},
    }
    assert plan.changes == (
        'model: "gpt-4o-mini" → "gpt-4o"',
        'reasoning.effort: (not set) → "low"',
        "seed: 7 → (not set)",
        "temperature: 1 → 0",
    )


def test_a_parameter_inside_something_that_is_no_object_is_refused() -> None:
    with pytest.raises(ReplayError, match="'model' of the request is not an object"):
        plan_replay(_call(), price=_price, overrides={"model.name": "x"})


def test_the_estimate_is_the_stored_tokens_at_the_new_models_price() -> None:
    plan = plan_replay(_call(input_tokens=100, output_tokens=10), price=_price)

    assert plan.estimated_usd == Decimal("1.20")


def test_without_token_counts_there_is_no_estimate() -> None:
    plan = plan_replay(_call(), price=_price)

    assert plan.estimated_usd is None
    assert plan.estimate_note == "the stored call has no token counts"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (_call(None), "was not captured"),
        (_call('{"model": "gpt', truncated="true"), "was shortened"),
        (_call("[1]"), "is no JSON"),
        (stored_call(row("google.generate", CHAT, {})), "'google.generate', which cannot"),
        (stored_call(row("", CHAT, {})), r"'\(unknown\)', which cannot"),
    ],
)
def test_what_cannot_be_sent_again_is_refused_with_the_reason(
    call: StoredCall, message: str
) -> None:
    with pytest.raises(ReplayError, match=message):
        plan_replay(call, price=_price)


@pytest.mark.parametrize("api", ["bedrock.converse", "gemini.generate_content", "cohere.chat"])
def test_a_format_that_is_read_but_not_sent_is_refused(api: str) -> None:
    with pytest.raises(ReplayError, match="cannot be replayed; these can: anthropic"):
        plan_replay(stored_call(row(api, CHAT, {})), price=_price)


def test_what_can_be_planned_can_be_sent() -> None:
    assert set(run._SDKS) == REPLAYABLE_APIS


def test_a_redacted_prompt_is_sent_only_when_allowed() -> None:
    request = {"model": "gpt-4o-mini", "messages": [{"content": "I am [REDACTED:email]"}]}
    call = _call(request, redacted="email=1")

    with pytest.raises(ReplayError, match="--allow-redacted"):
        plan_replay(call, price=_price)
    plan = plan_replay(call, price=_price, allow_redacted=True)

    assert plan.warnings == ("the prompt was redacted (email=1): answers may differ by that",)


def test_a_redacted_answer_alone_does_not_matter() -> None:
    plan = plan_replay(_call(redacted="email=1"), price=_price)

    assert plan.warnings == ()


def test_the_budget_refuses_what_may_cost_more() -> None:
    plan = plan_replay(_call(input_tokens=100, output_tokens=10), price=_price)

    check_budget(plan, Decimal("1.20"))
    with pytest.raises(ReplayError, match=r"about 1\.2\d? USD, more than --max-usd 1"):
        check_budget(plan, Decimal(1))


def test_the_budget_refuses_what_nobody_can_price() -> None:
    call = _call(input_tokens=100, output_tokens=10)
    plan = plan_replay(call, price=_price, model="nobody-knows")

    with pytest.raises(ReplayError, match="cannot hold --max-usd 1"):
        check_budget(plan, Decimal(1))
