"""Messages, as the real anthropic SDK sees them."""

from __future__ import annotations

from typing import Any

import anthropic
import pydantic
import pytest

MODEL = "claude-sonnet-5"
QUESTION: list[Any] = [{"role": "user", "content": "What is the weather in Lisbon?"}]
TOOL: dict[str, Any] = {
    "name": "get_weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
LONG = "You help people. " * 300


class Place(pydantic.BaseModel):
    city: str
    visits: int


def _create(client: Any, **arguments: Any) -> Any:
    arguments = {"model": MODEL, "max_tokens": 500, "messages": QUESTION} | arguments
    return client.messages.create(**arguments)


def test_the_stream_helper_returns_what_a_plain_call_returns(
    anthropic_client: Any,
) -> None:
    plain = _create(anthropic_client)

    with anthropic_client.messages.stream(model=MODEL, max_tokens=500, messages=QUESTION) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert text == plain.content[0].text
    assert final.usage == plain.usage
    assert final.stop_reason == plain.stop_reason == "end_turn"


def test_a_raw_stream_has_every_kind_of_event_in_order(
    anthropic_client: Any,
) -> None:
    stream = anthropic_client.messages.create(
        model=MODEL,
        max_tokens=5000,
        messages=QUESTION,
        tools=[TOOL],
        thinking={"type": "enabled", "budget_tokens": 1024},
        stream=True,
    )
    events = list(stream)

    blocks = [e.content_block.type for e in events if e.type == "content_block_start"]
    deltas = {e.delta.type for e in events if e.type == "content_block_delta"}
    assert blocks == ["thinking", "tool_use"]
    assert deltas == {"thinking_delta", "signature_delta", "input_json_delta"}
    assert (events[0].type, events[-1].type) == ("message_start", "message_stop")
    assert events[0].message.usage.output_tokens == 1
    assert events[-2].usage.output_tokens_details.thinking_tokens > 0


def test_a_tool_is_called_and_its_result_answered(anthropic_client: Any) -> None:
    called = _create(anthropic_client, tools=[TOOL])
    use = called.content[-1]
    assert called.stop_reason == "tool_use"
    assert use.input == {"city": "Lisbon"}

    result = {"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}
    history = [
        *QUESTION,
        {"role": "assistant", "content": called.content},
        {"role": "user", "content": [result]},
    ]
    answered = _create(anthropic_client, tools=[TOOL], messages=history)

    assert "sunny" in answered.content[0].text


@pytest.mark.parametrize(("ttl", "written"), [("5m", (1278, 0)), ("1h", (0, 1278))])
def test_a_marked_prefix_is_written_once_and_then_read(
    anthropic_client: Any, ttl: str, written: tuple[int, int]
) -> None:
    control = {"type": "ephemeral", "ttl": ttl}
    system = [{"type": "text", "text": LONG, "cache_control": control}]

    first = _create(anthropic_client, system=system).usage
    second = _create(anthropic_client, system=system).usage

    creation = first.cache_creation
    assert creation is not None
    found = (creation.ephemeral_5m_input_tokens, creation.ephemeral_1h_input_tokens)
    assert found == written  # "system: " + 5100 + newline = 5109 characters
    assert first.cache_creation_input_tokens == second.cache_read_input_tokens == 1278
    assert first.input_tokens == second.input_tokens
    assert (first.cache_read_input_tokens, second.cache_creation_input_tokens) == (0, 0)


def test_parse_returns_the_model_plain_and_streamed(
    anthropic_client: Any,
) -> None:
    messages: list[Any] = [{"role": "user", "content": "City: Porto. Visits: 3"}]

    plain = anthropic_client.messages.parse(
        model=MODEL, max_tokens=500, messages=messages, output_format=Place
    )
    with anthropic_client.messages.stream(
        model=MODEL, max_tokens=500, messages=messages, output_format=Place
    ) as stream:
        streamed = stream.get_final_message()

    assert plain.parsed_output == streamed.parsed_output == Place(city="Porto", visits=3)


def test_counting_tokens_agrees_with_what_the_call_bills(
    anthropic_client: Any,
) -> None:
    count = anthropic_client.messages.count_tokens(model=MODEL, messages=QUESTION, tools=[TOOL])

    assert count.input_tokens == _create(anthropic_client, tools=[TOOL]).usage.input_tokens


def test_the_headers_carry_request_id_and_all_four_buckets(
    anthropic_client: Any,
) -> None:
    raw = anthropic_client.messages.with_raw_response.create(
        model=MODEL, max_tokens=50, messages=QUESTION
    )

    buckets = {
        name.removeprefix("anthropic-ratelimit-").removesuffix("-remaining")
        for name in raw.headers
        if name.endswith("-remaining")
    }
    assert buckets == {"requests", "tokens", "input-tokens", "output-tokens"}
    assert raw.headers["request-id"].startswith("req_")


def test_an_unknown_model_is_not_found_with_anthropics_body(
    anthropic_client: Any,
) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        _create(anthropic_client, model="claude-nonexistent")

    assert isinstance(caught.value.body, dict)
    error = {"type": "not_found_error", "message": "model: claude-nonexistent"}
    assert caught.value.body["error"] == error


def test_the_model_list_has_anthropics_shape(anthropic_client: Any) -> None:
    names = [model.id for model in anthropic_client.models.list()]

    assert "claude-sonnet-4-5-20250929" in names
