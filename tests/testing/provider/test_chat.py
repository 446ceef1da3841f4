"""Chat completions, as the real openai SDK sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pydantic
import pytest

from llmtrace.testing.provider import Answer, Reply, ToolCall

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider

QUESTION: Any = [{"role": "user", "content": "What is the weather in Lisbon?"}]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {field: {"type": "string"}},
                "required": [field],
            },
        },
    }
    for name, field in (("get_weather", "city"), ("lookup_order", "order_id"))
]


class Invoice(pydantic.BaseModel):
    invoice_number: str
    total: float
    vendor: str


def test_usage_is_a_token_per_four_characters_and_adds_up(openai_client: Any) -> None:
    message = {"role": "user", "content": "x" * 33}

    completion = openai_client.chat.completions.create(model="gpt-4o-mini", messages=[message])

    answer = completion.choices[0].message.content or ""
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 10  # "user: " + 33 + newline = 40 characters
    assert completion.usage.completion_tokens == -(-len(answer) // 4)
    assert completion.usage.total_tokens == 10 + completion.usage.completion_tokens


def test_a_model_alias_is_answered_by_its_snapshot(openai_client: Any) -> None:
    completion = openai_client.chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, service_tier="flex"
    )

    assert (completion.model, completion.service_tier) == ("gpt-4o-mini-2024-07-18", "flex")


def test_the_same_question_gets_the_same_answer_under_another_id(
    openai_client: Any,
) -> None:
    first, second = (
        openai_client.chat.completions.create(model="gpt-4o", messages=QUESTION) for _ in range(2)
    )

    assert first.choices[0].message.content == second.choices[0].message.content
    assert first.id != second.id


@pytest.mark.parametrize(("include_usage", "with_usage"), [(True, 1), (False, 0)])
def test_a_stream_has_a_usage_chunk_only_if_asked_for(
    openai_client: Any, include_usage: bool, with_usage: int
) -> None:
    stream = openai_client.chat.completions.create(
        model="gpt-4o",
        messages=QUESTION,
        stream=True,
        stream_options={"include_usage": include_usage},
    )
    chunks = list(stream)

    assert sum(chunk.usage is not None for chunk in chunks) == with_usage
    assert (chunks[-1].choices == []) is include_usage


def test_a_stream_says_what_the_plain_answer_says_in_each_choice(
    openai_client: Any,
) -> None:
    plain = openai_client.chat.completions.create(model="gpt-4o", messages=QUESTION, n=2)

    texts = ["", ""]
    for chunk in openai_client.chat.completions.create(
        model="gpt-4o", messages=QUESTION, n=2, stream=True
    ):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""

    assert texts == [choice.message.content for choice in plain.choices]
    assert texts[0] != texts[1]


def test_every_tool_that_the_question_names_is_called_once(openai_client: Any) -> None:
    question = [{"role": "user", "content": "Weather in Lisbon, and where is order A-17?"}]

    completion = openai_client.chat.completions.create(
        model="gpt-4o", messages=question, tools=TOOLS
    )

    calls = completion.choices[0].message.tool_calls or []
    assert completion.choices[0].finish_reason == "tool_calls"
    assert [(c.function.name, json.loads(c.function.arguments)) for c in calls] == [
        ("get_weather", {"city": "Lisbon"}),
        ("lookup_order", {"order_id": "A-17"}),
    ]


def test_a_tool_result_is_answered_with_text(openai_client: Any) -> None:
    called = openai_client.chat.completions.create(model="gpt-4o", messages=QUESTION, tools=TOOLS)
    message = called.choices[0].message
    assert message.tool_calls
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}

    answered = openai_client.chat.completions.create(
        model="gpt-4o", messages=[*QUESTION, message, result], tools=TOOLS
    )

    assert "sunny" in (answered.choices[0].message.content or "")


def test_the_stream_helper_puts_streamed_arguments_together(openai_client: Any) -> None:
    with openai_client.chat.completions.stream(
        model="gpt-4o", messages=QUESTION, tools=TOOLS
    ) as stream:
        message = stream.get_final_completion().choices[0].message

    assert message.tool_calls
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Lisbon"}


def test_parse_fills_the_model_from_the_text(openai_client: Any) -> None:
    text = "Invoice number: INV-77, vendor: Acme GmbH. Total: 1,299.50"

    completion = openai_client.chat.completions.parse(
        model="gpt-4o", messages=[{"role": "user", "content": text}], response_format=Invoice
    )

    expected = Invoice(invoice_number="INV-77", total=1299.5, vendor="Acme GmbH")
    assert completion.choices[0].message.parsed == expected


def test_an_answer_cut_by_its_limit_fails_to_parse_as_at_the_provider(
    openai_client: Any,
) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        openai_client.chat.completions.parse(
            model="gpt-4o", messages=QUESTION, response_format=Invoice, max_completion_tokens=3
        )


def test_a_long_prompt_is_read_from_the_cache_the_second_time(
    openai_client: Any,
) -> None:
    system = {"role": "system", "content": "You help people. " * 300}

    def cached(question: str) -> int | None:
        messages = [system, {"role": "user", "content": question}]
        usage = openai_client.chat.completions.create(model="gpt-4o", messages=messages).usage
        assert usage is not None
        assert usage.prompt_tokens_details is not None
        return usage.prompt_tokens_details.cached_tokens

    assert cached("one") == 0
    assert cached("two") == 1152  # 5110 characters in common: 9 blocks of 128 tokens


def test_a_reasoning_model_bills_thinking_inside_its_output(openai_client: Any) -> None:
    completion = openai_client.chat.completions.create(
        model="gpt-5-mini", messages=QUESTION, reasoning_effort="high"
    )

    usage = completion.usage
    assert usage is not None
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.reasoning_tokens == 256
    assert usage.completion_tokens > 256


def test_a_scripted_answer_is_told_in_the_shape_asked_for(
    provider: LocalProvider, openai_client: Any
) -> None:
    call = ToolCall(name="f", arguments='{"a": 1}')
    provider.enqueue(Reply(answer=Answer(refusal="No.")), Reply(answer=Answer(tool_calls=(call,))))

    refusal = openai_client.chat.completions.create(model="gpt-4o", messages=QUESTION)
    with openai_client.chat.completions.stream(model="gpt-4o", messages=QUESTION) as stream:
        called = stream.get_final_completion()

    assert refusal.choices[0].message.refusal == "No."
    assert called.choices[0].message.tool_calls
    assert called.choices[0].message.tool_calls[0].function.arguments == '{"a": 1}'


def test_the_raw_and_streaming_variants_show_the_headers(openai_client: Any) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(model="gpt-4o", messages=QUESTION)
    with openai_client.chat.completions.with_streaming_response.create(
        model="gpt-4o", messages=QUESTION
    ) as streaming:
        streamed_id = streaming.headers["x-request-id"]

    assert raw.headers["x-ratelimit-remaining-requests"] == "9999"
    assert raw.headers["x-ratelimit-reset-requests"].endswith("ms")
    assert raw.parse().object == "chat.completion"
    assert raw.headers["x-request-id"] != streamed_id


@pytest.mark.parametrize("wrong", [{"n": 10**9}, {"messages": []}])
def test_a_wrong_request_is_refused_with_a_reason(
    openai_client: Any, wrong: dict[str, object]
) -> None:
    arguments = {"model": "gpt-4o", "messages": QUESTION} | wrong

    with pytest.raises(openai.BadRequestError, match="Invalid"):
        openai_client.chat.completions.create(**arguments)
