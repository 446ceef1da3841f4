"""What a call cost: whose price, of which model, where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from llmtrace import wire
from llmtrace.instrument.answers import Answer
from llmtrace.instrument.money import Exchange, bill
from llmtrace.pricing import PriceBook

AT = datetime(2026, 11, 1, tzinfo=UTC)
PRICES = PriceBook()


def billed(
    provider: str, asked: str, answered: str | None, *, host: str | None = None, **usage: Any
) -> Any:
    """Bill one plain call of 1 000 tokens in and 100 out."""
    is_anthropic = "cache_creation" in usage or provider == "anthropic"
    api = "anthropic.messages" if is_anthropic else "openai.chat"
    counts = (
        {"input_tokens": 1_000, "output_tokens": 100}
        if is_anthropic
        else {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}
    )
    body = {"model": answered, "usage": {**counts, **usage}}
    return bill(
        Exchange(
            api=api,
            request=wire.RequestFields(model=asked),
            request_text="{}",
            answer=Answer(
                fields=wire.response_fields(api, body), body=body, text="", is_stream=False
            ),
            was_answered=True,
            host=host,
        ),
        provider=provider,
        at=AT,
        prices=PRICES,
    ).cost


def test_a_snapshot_without_a_price_has_that_of_the_model_asked_for() -> None:
    alias = billed("openai", "gpt-4o-mini", "gpt-4o-mini")

    assert billed("openai", "gpt-4o-mini", "gpt-4o-mini-new-one") == alias


def test_another_model_that_answers_has_not_the_price_of_the_one_asked_for() -> None:
    cost = billed("openai", "gpt-4o-mini", "nobody-knows-it")

    assert cost.source == "unpriced"


def test_an_id_of_bedrock_that_says_nothing_has_the_price_of_what_answered() -> None:
    profile = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"

    cost = billed("aws.bedrock", profile, "anthropic.claude-3-haiku-20240307-v1:0")

    assert cost.source == "list"


@pytest.mark.parametrize(("geo", "factor"), [("us", "1.1"), ("global", "1"), (None, "1")])
def test_where_it_was_served_is_part_of_its_price(geo: str | None, factor: str) -> None:
    from decimal import Decimal

    plain = billed("anthropic", "claude-opus-4-6", "claude-opus-4-6")

    cost = billed("anthropic", "claude-opus-4-6", "claude-opus-4-6", inference_geo=geo)

    assert cost.total_usd == plain.total_usd * Decimal(factor)
