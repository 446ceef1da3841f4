"""The anthropic SDK's clients for clouds under contract: one call, many doors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmtrace.testing.provider import faults
from tests.instrument.contract.apis_anthropic import ANTHROPIC, MESSAGES
from tests.instrument.contract.stainless import client_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.contract.apis import Api

_AWS = {"aws_secret_key": "nobody's", "aws_region": "us-east-1"}


def _bedrock(provider: LocalProvider, key: str) -> dict[str, Any]:
    return {"base_url": provider.url, "aws_access_key": key, **_AWS}


def _aws(provider: LocalProvider, key: str) -> dict[str, Any]:
    return {"base_url": provider.url, "aws_access_key": key, "workspace_id": "wrkspc_1", **_AWS}


def _vertex(provider: LocalProvider, key: str) -> dict[str, Any]:
    door = {"base_url": f"{provider.url}/v1", "project_id": "acme", "region": "us-east5"}
    return {**door, "access_token": key}


def _google_cloud(provider: LocalProvider, key: str) -> dict[str, Any]:
    door = {"base_url": provider.url, "project": "acme", "location": "us-east5"}
    return {**door, "workspace_id": "wrkspc_1", "token_provider": lambda: key}


def _foundry(provider: LocalProvider, key: str) -> dict[str, Any]:
    return {"base_url": provider.url, "api_key": key}


def _cloud(
    client: str,
    options: Callable[[LocalProvider, str], dict[str, Any]],
    provider_name: str,
    **differs: Any,
) -> Api:
    """Return the API of one cloud's client; ``differs`` from Anthropic's own."""

    def connect(
        provider: LocalProvider,
        *,
        is_async: bool,
        retries: int,
        timeout_s: float | None,
        key: str,
    ) -> Any:
        import anthropic

        made = getattr(anthropic, f"Async{client}" if is_async else client)
        common = client_options(retries=retries, timeout_s=timeout_s, key=key)
        del common["api_key"]
        return made(**options(provider, key), **common)

    sdk = replace(ANTHROPIC, connect=connect, provider=provider_name)
    return replace(MESSAGES, sdk=sdk, variant=client, **differs)


APIS = (
    _cloud(
        "AnthropicBedrock",
        _bedrock,
        "aws.bedrock",
        model="us.anthropic.claude-haiku-4-5-20251001-v1:0",
        stream_error=faults.exception_inside_stream("modelStreamErrorException"),
    ),
    _cloud(
        "AnthropicBedrockMantle",
        _bedrock,
        "aws.bedrock",
        model="anthropic.claude-haiku-4-5",
        snapshot="anthropic.claude-haiku-4-5",
        priced=False,
    ),
    _cloud("AnthropicAWS", _aws, "anthropic"),
    _cloud("AnthropicVertex", _vertex, "gcp.vertex_ai", model="claude-haiku-4-5@20251001"),
    _cloud("AnthropicGoogleCloud", _google_cloud, "anthropic"),
    _cloud("AnthropicFoundry", _foundry, "azure.ai.inference"),
)
