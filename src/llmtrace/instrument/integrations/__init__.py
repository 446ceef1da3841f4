"""The integrations by name, each with the modules of its SDK that wake it.

Importing this loads neither an SDK nor an integration: an app that uses two SDKs does not wait for
what watches the others. An integration is in the module of its name, as ``INTEGRATION``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from llmtrace.instrument.integrations._base import Integration

WOKEN_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "openai": (
        "openai._base_client",
        "openai._websocket_connection",
        "openai.resources.realtime.realtime",
        "openai.resources.responses.responses",
        "openai.resources.beta.responses.responses",
    ),
    "anthropic": ("anthropic._base_client",),
    "boto3": ("botocore.client", "botocore.httpsession"),
    "cohere": (
        "cohere.raw_base_client",
        "cohere.v2.raw_client",
        "cohere.audio.transcriptions.raw_client",
        "cohere.client",
    ),
    "google_genai": (
        "google.genai._api_client",
        "google.genai._gaos.basesdk",
        "google.genai._gaos.google_genai",
        "google.genai.live",
    ),
    "groq": ("groq._base_client",),
    "langchain": (
        "langchain_core.tracers.context",
        "langchain_core.runnables.config",
        "langchain_core.language_models.chat_models",
        "langchain_core.language_models.llms",
        "langchain_core.retrievers",
    ),
    "litellm": (
        "litellm.llms.custom_httpx.http_handler",
        "litellm.litellm_core_utils.streaming_handler",
        "litellm",
    ),
    "llama_index": ("llama_index_instrumentation", "llama_index.core.base.llms.base"),
    "openai_agents": (
        "agents.tracing.spans",
        "agents.tracing.traces",
        "agents.run_internal.run_loop",
    ),
    "pydantic_ai": ("pydantic_ai.capabilities.combined", "pydantic_ai._agent_graph"),
    "mcp": ("mcp.client.session",),
    "mistralai": (
        "mistralai.client.basesdk",
        "mistralai.client.errors.mistralerror",
        "mistralai.client._hooks.tracing",
        "mistralai.azure.client.basesdk",
        "mistralai.azure.client.errors.mistralazureerror",
        "mistralai.gcp.client.basesdk",
        "mistralai.gcp.client.errors.mistralgcperror",
    ),
    "ollama": ("ollama._client",),
    "together": ("together._base_client",),
    "xai": ("xai_sdk.chat", "xai_sdk.sync.chat", "xai_sdk.aio.chat"),
}
"""The keys of each integration's ``hooks``; a test holds the two equal."""


class _Integrations(Mapping[str, "Integration"]):
    """Loads an integration when it is asked for."""

    def __getitem__(self, name: str) -> Integration:
        if name not in WOKEN_BY:
            raise KeyError(name)
        module = importlib.import_module(f"{__name__}.{name}")
        return cast("Integration", module.INTEGRATION)

    def __iter__(self) -> Iterator[str]:
        return iter(WOKEN_BY)

    def __len__(self) -> int:
        return len(WOKEN_BY)

    def __contains__(self, name: object) -> bool:
        return name in WOKEN_BY


INTEGRATIONS: Final[Mapping[str, Integration]] = _Integrations()
