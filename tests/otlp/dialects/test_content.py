"""What was asked and answered, in every tool's shape: the message schema, out of the attributes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.otlp.dialects.reading import row_of

SYSTEM = {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]}
USER = {"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}
CALL = {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"id": 7}}
ANSWER = {"role": "assistant", "parts": [{"type": "text", "content": "Here."}, CALL]}

OPENAI_CALLS = [{"id": "c1", "function": {"name": "find", "arguments": '{"id": 7}'}}]
OPENAI_ASKED = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Where is it?"}]},
]
OPENAI_ANSWER = {"role": "assistant", "content": "Here.", "tool_calls": OPENAI_CALLS}

CASES: dict[str, dict[str, Any]] = {
    "openinference": {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "Be brief.",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.contents.0.message_content.type": "text",
        "llm.input_messages.1.message.contents.0.message_content.text": "Where is it?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Here.",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "find",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"id": 7}',
    },
    "traceloop": {
        "llm.request.type": "chat",
        "gen_ai.prompt.0.role": "system",
        "gen_ai.prompt.0.content": "Be brief.",
        "gen_ai.prompt.1.role": "user",
        "gen_ai.prompt.1.content": '[{"type": "text", "text": "Where is it?"}]',
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "Here.",
        "gen_ai.completion.0.tool_calls.0.id": "c1",
        "gen_ai.completion.0.tool_calls.0.name": "find",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"id": 7}',
    },
    "vercel": {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.prompt.messages": json.dumps(OPENAI_ASKED),
        "ai.response.text": "Here.",
        "ai.response.toolCalls": '[{"toolCallId": "c1", "toolName": "find", "input": {"id": 7}}]',
    },
    "langfuse": {
        "langfuse.observation.type": "generation",
        "langfuse.observation.input": json.dumps(OPENAI_ASKED),
        "langfuse.observation.output": json.dumps(OPENAI_ANSWER),
    },
    "mlflow": {
        "mlflow.spanType": '"CHAT_MODEL"',
        "mlflow.spanInputs": json.dumps({"model": "m", "messages": OPENAI_ASKED}),
        "mlflow.spanOutputs": json.dumps({"choices": [{"message": OPENAI_ANSWER}]}),
    },
    "langsmith": {
        "langsmith.span.kind": "llm",
        "gen_ai.prompt": json.dumps({"messages": OPENAI_ASKED}),
        "gen_ai.completion": json.dumps(OPENAI_ANSWER),
    },
}


@pytest.mark.parametrize("name", CASES)
def test_messages_are_in_the_schema_and_out_of_the_attributes(name: str) -> None:
    row = row_of(CASES[name])

    assert json.loads(row.input_messages or "") == [SYSTEM, USER]
    assert json.loads(row.output_messages or "") == [ANSWER]
    assert "Where is it?" not in str(row.attributes)
    assert "Here." not in str(row.attributes)


def test_messages_that_are_in_the_schema_stay_as_they_are() -> None:
    said = json.dumps([SYSTEM, USER])

    assert row_of({"gen_ai.input.messages": said}).input_messages == said


def test_a_text_is_a_message() -> None:
    row = row_of(
        {"langfuse.observation.type": "generation", "langfuse.observation.input": "Where is it?"}
    )

    assert json.loads(row.input_messages or "") == [USER]


def test_what_is_in_no_known_shape_is_kept_as_text() -> None:
    row = row_of(
        {"langfuse.observation.type": "generation", "langfuse.observation.input": '{"q": [1]}'}
    )

    assert json.loads(row.input_messages or "") == [
        {"role": "user", "parts": [{"type": "text", "content": '{"q":[1]}'}]}
    ]


def test_half_a_surrogate_pair_does_not_reach_the_store() -> None:
    row = row_of(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.input": '[{"role": "user", "content": "\\ud83d"}]',
        }
    )

    (row.input_messages or "").encode()
    assert row.input_messages == '[{"role":"user","parts":[{"type":"text","content":"?"}]}]'
