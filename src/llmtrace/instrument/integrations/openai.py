"""The openai SDK: chat completions, responses, embeddings; sync, async, streamed, raw, helpers.

SDK: openai 2 and 3; 1 works, but does not close a stream that fails (its span ends when the
stream is collected). Wrapped: see ``stainless``. OpenAI-compatible hosts come through here too;
``providers`` tells them apart. Wire formats: platform.openai.com/docs/api-reference.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from llmtrace.instrument.integrations import openai_realtime, stainless
from llmtrace.instrument.integrations._base import Integration
from llmtrace.instrument.integrations.openai_paths import find_endpoint

INTEGRATION: Final = Integration(
    name="openai",
    distribution="openai",
    tested="openai >= 2, < 4",
    default_provider="openai",
    hooks={
        "openai._base_client": lambda module: stainless.patch_base_client(INTEGRATION, module),
        "openai._websocket_connection": lambda module: _watcher().patch_base(module),
        "openai.resources.realtime.realtime": lambda module: _watcher().patch_realtime(module),
        "openai.resources.responses.responses": lambda module: _watcher().patch_responses(module),
        "openai.resources.beta.responses.responses": (
            lambda module: _watcher().patch_responses(module)
        ),
    },
    find_endpoint=find_endpoint,
    client_providers={
        "AzureOpenAI": "azure.ai.openai",
        "AsyncAzureOpenAI": "azure.ai.openai",
    },
)


@cache
def _watcher() -> openai_realtime.Watcher:
    return openai_realtime.Watcher(INTEGRATION)
