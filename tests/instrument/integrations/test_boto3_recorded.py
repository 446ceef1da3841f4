"""Every recorded Bedrock exchange through the real boto3: what Bedrock counted, we count."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.recordings.exchanges import recorded as recordings
from llmtrace.testing.provider import Reply

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

ROWS = [
    row
    for row in recordings()
    if row["provider"] == "aws-bedrock" and row["endpoint"].startswith(("converse", "invoke"))
]
pytestmark = pytest.mark.skipif(not ROWS, reason="recorded traffic not found: set LLMTRACE_WIRE")

COUNTED_BESIDE = {"totalOutputTextTokenCount", "amazon-bedrock-invocationMetrics"}
"""What we read and the recordings' reader does not: Titan's output, and headers."""


def reply(row: dict[str, Any]) -> Reply:
    """Return the recorded answer, streams in pieces whose borders fall anywhere."""
    body: str = row["response_body"]
    is_packed = row.get("response_body_encoding") == "base64"
    data = base64.b64decode(body) if is_packed else body.encode()
    headers = row["response_headers"]
    return Reply(
        status=row["status"],
        headers=headers,
        body=data,
        content_type=headers.get("content-type"),
        chunk_bytes=97 if row["stream"] else None,
    )


def call(provider: LocalProvider, row: dict[str, Any]) -> Any:
    """Make the call again, as an app does; requests are shortened where boto3 would refuse them."""
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=provider.url,
        aws_access_key_id="any",
        aws_secret_access_key="nobody's",
        config=Config(retries={"max_attempts": 0, "mode": "legacy"}),
    )
    model = row["truth"]["req_model"]
    body = json.dumps(row["request_body"])
    conversation = [{"role": "user", "content": [{"text": "Hi"}]}]
    if row["endpoint"] == "converse":
        return client.converse(modelId=model, messages=conversation)
    if row["endpoint"] == "converse-stream":
        return list(client.converse_stream(modelId=model, messages=conversation)["stream"])
    if row["endpoint"] == "invoke":
        return client.invoke_model(modelId=model, body=body)["body"].read()
    return list(client.invoke_model_with_response_stream(modelId=model, body=body)["body"])


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_a_recorded_answer_is_counted_as_bedrock_counted_it(
    row: dict[str, Any], provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(reply(row))
    truth = row["truth"]

    if row["status"] >= 300:
        with pytest.raises(ClientError, match=truth["error"]):
            call(provider, row)
    else:
        assert call(provider, row)

    attributes = recorded.attributes()
    raw = json.loads(attributes.get("llmtrace.usage.raw", "null"))
    told = truth["usage"]
    assert attributes["gen_ai.request.model"] == truth["req_model"]
    assert attributes.get("gen_ai.response.model") == truth["resp_model"]
    if told is None:
        assert raw is None
        assert attributes["http.response.status_code"] == row["status"]
        return
    assert {key: raw[key] for key in told} == told
    assert set(raw) - set(told) <= COUNTED_BESIDE
    assert attributes["llmtrace.usage.source"] == "provider"
    assert attributes.get("llmtrace.stream.outcome") == ("completed" if row["stream"] else None)


def test_there_are_recordings_of_every_way_to_ask() -> None:
    asked = {row["endpoint"] for row in ROWS}

    assert asked == {"converse", "converse-stream", "invoke", "invoke-with-response-stream"}
