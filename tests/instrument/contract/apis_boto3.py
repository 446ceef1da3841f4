"""boto3 under contract: Bedrock's Converse, and InvokeModel with the bodies of two vendors."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmtrace.testing.provider import faults
from tests.instrument.contract.apis import Api, FreeCall, Sdk, error_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.testing.provider import LocalProvider

CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "amazon.nova-lite-v1:0"


def _connect(
    provider: LocalProvider,
    *,
    is_async: bool,
    retries: int,
    timeout_s: float | None,
    key: str,
) -> Any:
    import boto3
    from botocore.config import Config

    assert not is_async
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=provider.url,
        aws_access_key_id=key,
        aws_secret_access_key="nobody's",
        config=Config(
            retries={"max_attempts": retries, "mode": "legacy"}, read_timeout=timeout_s or 60
        ),
    )


BOTO3 = Sdk(
    name="boto3",
    connect=_connect,
    provider="aws.bedrock",
    errors={
        400: "ValidationException",
        401: "UnrecognizedClientException",
        404: "ResourceNotFoundException",
        429: "ThrottlingException",
        500: "InternalServerException",
    },
    error_type=error_code,
    lost="botocore.ConnectionClosedError",
    timed_out="botocore.ReadTimeoutError",
    has_async=False,
    says_status=False,
    gunzips=False,
)
_SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "string"}},
    "required": ["number"],
}
_SPEC = {
    "name": "track_parcel",
    "description": "Where a parcel is.",
    "inputSchema": {"json": _SCHEMA},
}
TOOL_CONFIG = {"toolConfig": {"tools": [{"toolSpec": _SPEC}]}}


def converse_messages(text: str) -> dict[str, Any]:
    """Return the conversation of Converse, and of Nova."""
    return {"messages": [{"role": "user", "content": [{"text": text}]}]}


def _claude_messages(text: str) -> dict[str, Any]:
    return {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 512,
        "messages": [{"role": "user", "content": text}],
    }


@dataclass(frozen=True, kw_only=True)
class Invoked(Api):
    """InvokeModel: arguments are a body, and a plain answer has to be read."""

    def send(self, client: Any, given: Mapping[str, Any], *, stream: bool = False) -> Any:
        """Call the API once, and read the answer."""
        body = json.dumps({k: v for k, v in given.items() if k != self.model_argument})
        model = given[self.model_argument]
        if stream:
            return client.invoke_model_with_response_stream(modelId=model, body=body)
        answer = client.invoke_model(modelId=model, body=body)
        return answer["body"].read()


MID_STREAM = faults.exception_inside_stream("modelStreamErrorException")
CONVERSE = Api(
    sdk=BOTO3,
    plain="converse",
    streamed="converse_stream",
    chunks=lambda answer: answer["stream"],
    wire="bedrock.converse",
    operation="chat",
    model=CLAUDE,
    model_argument="modelId",
    snapshot=None,
    asked=converse_messages,
    limit={"inferenceConfig": {"maxTokens": 3}},
    stopped="end_turn",
    cut_short="max_tokens",
    tools=TOOL_CONFIG,
    called="tool_use",
    stream_error=MID_STREAM,
)
INVOKE_CLAUDE = Invoked(
    sdk=BOTO3,
    variant="claude",
    plain="invoke_model",
    streamed="invoke_model_with_response_stream",
    chunks=lambda answer: answer["body"],
    wire="bedrock.invoke",
    operation="chat",
    model=CLAUDE,
    model_argument="modelId",
    snapshot="claude-haiku-4-5-20251001",
    asked=_claude_messages,
    limit={"max_tokens": 3},
    stopped="end_turn",
    cut_short="max_tokens",
    tools={
        "tools": [
            {"name": "track_parcel", "description": "Where a parcel is.", "input_schema": _SCHEMA}
        ]
    },
    called="tool_use",
    stream_error=MID_STREAM,
)
INVOKE_NOVA = Invoked(
    sdk=BOTO3,
    variant="nova",
    plain="invoke_model",
    streamed="invoke_model_with_response_stream",
    chunks=lambda answer: answer["body"],
    wire="bedrock.invoke",
    operation="chat",
    model=NOVA,
    model_argument="modelId",
    snapshot=None,
    asked=converse_messages,
    limit={"inferenceConfig": {"maxTokens": 3}},
    stopped="end_turn",
    cut_short="max_tokens",
    tools=TOOL_CONFIG,
    called="tool_use",
    stream_error=MID_STREAM,
)
APIS = (CONVERSE, INVOKE_CLAUDE, INVOKE_NOVA)


def _look_up(client: Any) -> None:
    """Ask for a count, or (before botocore 1.40) after jobs, which the provider does not know."""
    if hasattr(client, "count_tokens"):
        client.count_tokens(modelId=CLAUDE, input={"converse": converse_messages("Hi")})
    else:
        with contextlib.suppress(client.exceptions.ClientError):
            client.list_async_invokes()


FREE_CALLS = (FreeCall(BOTO3, "look_up", _look_up),)
