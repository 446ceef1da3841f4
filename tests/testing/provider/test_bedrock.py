"""Bedrock at the local provider, as the real boto3 sees it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from llmtrace.testing.provider import Reply, faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmtrace.testing.provider import LocalProvider

CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
QUESTION: list[Any] = [{"role": "user", "content": [{"text": "Where is my parcel?"}]}]
TOOL = {
    "name": "track_parcel",
    "inputSchema": {
        "json": {
            "type": "object",
            "properties": {"number": {"type": "string"}},
            "required": ["number"],
        }
    },
}


@pytest.fixture
def bedrock(provider: LocalProvider) -> Iterator[Any]:
    """Return an unmodified client that never retries."""
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=provider.url,
        aws_access_key_id="any",
        aws_secret_access_key="nobody's",
        config=Config(retries={"max_attempts": 0, "mode": "legacy"}),
    )
    yield client
    client.close()


def text_of(message: dict[str, Any]) -> str:
    """Return what a message of Converse says."""
    return "".join(block.get("text", "") for block in message["content"])


def test_the_stream_says_what_the_plain_answer_says(bedrock: Any) -> None:
    plain = bedrock.converse(modelId=CLAUDE, messages=QUESTION)
    events = list(bedrock.converse_stream(modelId=CLAUDE, messages=QUESTION)["stream"])

    pieces = [e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e]
    assert len(pieces) > 5
    assert "".join(pieces) == text_of(plain["output"]["message"])
    assert events[-1]["metadata"]["usage"] == plain["usage"]
    assert events[-2]["messageStop"]["stopReason"] == plain["stopReason"] == "end_turn"


def test_a_tool_is_called_and_its_result_answered(bedrock: Any) -> None:
    tools = {"tools": [{"toolSpec": TOOL}]}
    asked = bedrock.converse(modelId=CLAUDE, messages=QUESTION, toolConfig=tools)
    (used,) = [b["toolUse"] for b in asked["output"]["message"]["content"] if "toolUse" in b]
    result = {"toolUseId": used["toolUseId"], "content": [{"text": "in Lyon"}]}

    answered = bedrock.converse(
        modelId=CLAUDE,
        toolConfig=tools,
        messages=[
            *QUESTION,
            asked["output"]["message"],
            {"role": "user", "content": [{"toolResult": result}]},
        ],
    )

    assert (asked["stopReason"], used["name"]) == ("tool_use", "track_parcel")
    assert isinstance(used["input"]["number"], str)
    assert answered["stopReason"] == "end_turn"


def test_a_cache_point_is_written_once_and_then_read(bedrock: Any) -> None:
    system = [
        {"text": "You help people. " * 400},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
    ]

    written, read = (
        bedrock.converse(modelId=CLAUDE, messages=QUESTION, system=system)["usage"]
        for _ in range(2)
    )

    assert written["cacheDetails"] == [
        {"inputTokens": written["cacheWriteInputTokens"], "ttl": "1h"}
    ]
    assert read["cacheReadInputTokens"] == written["cacheWriteInputTokens"] > 1_000
    assert read["totalTokens"] == written["totalTokens"]


@pytest.mark.parametrize(
    ("body", "output"),
    [
        ({"anthropic_version": "b", "max_tokens": 99, "messages": QUESTION}, "output_tokens"),
        ({"messages": QUESTION}, "outputTokens"),
    ],
)
def test_a_model_answers_in_the_format_it_is_asked_in(
    bedrock: Any, body: dict[str, Any], output: str
) -> None:
    asked = {"modelId": CLAUDE, "body": json.dumps(body)}
    plain = json.loads(bedrock.invoke_model(**asked)["body"].read())
    chunks = list(bedrock.invoke_model_with_response_stream(**asked)["body"])

    last = json.loads(chunks[-1]["chunk"]["bytes"])
    counted = last["amazon-bedrock-invocationMetrics"]
    assert counted["outputTokenCount"] == plain["usage"][output] > 0


def test_llama_takes_a_prompt(bedrock: Any) -> None:
    asked = {"modelId": "meta.llama3-8b-instruct-v1:0", "body": json.dumps({"prompt": "Hi"})}

    plain = json.loads(bedrock.invoke_model(**asked)["body"].read())
    chunks = [
        json.loads(event["chunk"]["bytes"])
        for event in bedrock.invoke_model_with_response_stream(**asked)["body"]
    ]

    assert "".join(chunk["generation"] for chunk in chunks) == plain["generation"]
    assert chunks[-1]["generation_token_count"] == plain["generation_token_count"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ValidationException"),
        (429, "ThrottlingException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_an_error_has_its_type_in_a_header(
    provider: LocalProvider, bedrock: Any, status: int, code: str
) -> None:
    provider.enqueue(Reply(status=status))

    with pytest.raises(ClientError) as raised:
        bedrock.converse(modelId=CLAUDE, messages=QUESTION)

    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["RequestId"]


def test_an_exception_inside_a_stream_is_raised(provider: LocalProvider, bedrock: Any) -> None:
    provider.enqueue(faults.exception_inside_stream("throttlingException"))

    stream = bedrock.converse_stream(modelId=CLAUDE, messages=QUESTION)["stream"]
    with pytest.raises(EventStreamError, match="throttlingException"):
        list(stream)
    stream.close()


def test_tokens_are_counted_without_an_answer(bedrock: Any) -> None:
    counted = bedrock.count_tokens(modelId=CLAUDE, input={"converse": {"messages": QUESTION}})
    answered = bedrock.converse(modelId=CLAUDE, messages=QUESTION)

    assert counted["inputTokens"] == answered["usage"]["inputTokens"]
