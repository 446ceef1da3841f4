"""A stored span is read as a conversation and as money by kind of token; garbage harms nothing."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from llmtrace.store.detail import Conversation, conversation, cost_lines


def test_messages_come_from_the_providers_bodies() -> None:
    detail = {
        "api": "openai.chat",
        "request_body": json.dumps({"messages": [{"role": "user", "content": "Hello?"}]}),
        "response_body": json.dumps(
            {"choices": [{"message": {"role": "assistant", "content": "Hi."}}]}
        ),
    }

    talk = conversation(detail)

    assert [message.role for message in (*talk.input, *talk.output)] == ["user", "assistant"]
    assert talk.input[0].parts[0]["content"] == "Hello?"
    assert talk.output[0].parts[0]["content"] == "Hi."


def test_messages_of_foreign_spans_come_from_their_attributes() -> None:
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Hello?"}]}]

    talk = conversation({"api": None, "input_messages": json.dumps(messages)})

    assert talk.input[0].role == "user"
    assert talk.input[0].parts == ({"type": "text", "content": "Hello?"},)


@pytest.mark.parametrize("body", [None, "", "{", "[" * 100_000, "null", '{"messages": 3}', "[7]"])
def test_bodies_that_cannot_be_read_give_no_messages(body: str | None) -> None:
    for detail in (
        {"api": "openai.chat", "request_body": body, "response_body": body},
        {"api": "anthropic.messages", "request_body": body, "response_body": body},
        {"api": None, "input_messages": body, "output_messages": body},
    ):
        talk = conversation(detail)
        assert (talk.input, talk.output) == (Conversation().input, Conversation().output)


def test_kinds_of_tokens_are_disjoint_and_their_costs_are_as_stored() -> None:
    detail = {
        "input_tokens": 1_000,
        "cache_read_tokens": 700,
        "cache_write_tokens": 100,
        "output_tokens": 50,
        "reasoning_tokens": 20,
        "cost_input_usd": Decimal("0.2"),
        "cost_cache_read_usd": Decimal("0.07"),
        "cost_cache_write_usd": Decimal("0.03"),
        "cost_output_usd": Decimal("0.5"),
        "cost_tools_usd": None,
    }

    lines = [(line.kind, line.tokens, line.cost_usd) for line in cost_lines(detail)]

    assert lines == [
        ("Input", 200, Decimal("0.2")),
        ("Cache read", 700, Decimal("0.07")),
        ("Cache write", 100, Decimal("0.03")),
        ("Output (reasoning included)", 50, Decimal("0.5")),
    ]


def test_unknown_tokens_give_no_line() -> None:
    assert cost_lines({"input_tokens": None, "output_tokens": None}) == []
