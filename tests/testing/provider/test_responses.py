"""The responses API, as the real openai SDK sees it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pydantic
import pytest

from llmtrace.testing.provider import Answer, Reply

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider

QUESTION: Any = "What is the weather in Lisbon?"
TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class Place(pydantic.BaseModel):
    city: str
    visits: int


def test_the_stream_ends_with_the_response_that_a_plain_call_returns(
    openai_client: Any,
) -> None:
    plain = openai_client.responses.create(model="gpt-4o", input=QUESTION)

    events = list(openai_client.responses.create(model="gpt-4o", input=QUESTION, stream=True))

    assert [event.type for event in events[:4]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed"
    assert (last.response.output_text, last.response.usage) == (plain.output_text, plain.usage)


def test_reasoning_is_an_item_and_part_of_the_bill(openai_client: Any) -> None:
    response = openai_client.responses.create(
        model="gpt-5", input=QUESTION, reasoning={"effort": "low", "summary": "auto"}
    )

    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.usage is not None
    assert response.usage.output_tokens_details.reasoning_tokens == 64


def test_a_function_is_called_and_its_output_answered(openai_client: Any) -> None:
    with openai_client.responses.stream(model="gpt-4o", input=QUESTION, tools=[TOOL]) as stream:
        call = stream.get_final_response().output[0]
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"city": "Lisbon"}

    output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    history = [{"role": "user", "content": QUESTION}, call, output]
    answered = openai_client.responses.create(model="gpt-4o", input=history, tools=[TOOL])

    assert "sunny" in answered.output_text


def test_parse_returns_the_model_plain_and_streamed(openai_client: Any) -> None:
    text = "City: Porto. Visits: 3"

    plain = openai_client.responses.parse(model="gpt-4o", input=text, text_format=Place)
    with openai_client.responses.stream(model="gpt-4o", input=text, text_format=Place) as stream:
        streamed = stream.get_final_response()

    assert plain.output_parsed == streamed.output_parsed == Place(city="Porto", visits=3)


def test_a_stored_response_can_be_fetched_and_continued(openai_client: Any) -> None:
    first = openai_client.responses.create(model="gpt-4o", input="x" * 400)

    fetched = openai_client.responses.retrieve(first.id)
    second = openai_client.responses.create(
        model="gpt-4o", input="and?", previous_response_id=first.id
    )

    assert fetched.output_text == first.output_text
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens


def test_continuing_an_unknown_response_is_refused(openai_client: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="resp_no"):
        openai_client.responses.create(model="gpt-4o", input="x", previous_response_id="resp_no")
    with pytest.raises(openai.NotFoundError):
        openai_client.responses.retrieve("resp_no")


def test_a_response_cut_by_its_limit_is_incomplete(openai_client: Any) -> None:
    events = list(
        openai_client.responses.create(
            model="gpt-4o", input=QUESTION, max_output_tokens=2, stream=True
        )
    )

    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details is not None


def test_a_refusal_is_streamed_as_one(provider: LocalProvider, openai_client: Any) -> None:
    provider.enqueue(Reply(answer=Answer(refusal="I will not.")))

    events = list(openai_client.responses.create(model="gpt-4o", input=QUESTION, stream=True))

    assert "response.refusal.done" in [event.type for event in events]
