"""The openai SDK: chat completions, responses, embeddings; sync, async, streamed, raw, helpers.

SDK: openai 2 and 3; 1 works, but does not close a stream that fails (its span ends when the
stream is collected). Wrapped: see ``stainless``. OpenAI-compatible hosts come through here too;
``providers`` tells them apart. Wire formats: platform.openai.com/docs/api-reference.
"""

from __future__ import annotations

from typing import Final

from llmtrace.instrument.integrations import stainless
from llmtrace.instrument.integrations._base import Integration
from llmtrace.instrument.integrations.openai_paths import find_endpoint

INTEGRATION: Final = Integration(
    name="openai",
    distribution="openai",
    tested="openai >= 2, < 4",
    default_provider="openai",
    hooks={
        "openai._base_client": lambda module: stainless.patch_base_client(INTEGRATION, module),
    },
    find_endpoint=find_endpoint,
    client_providers={
        "AzureOpenAI": "azure.ai.openai",
        "AsyncAzureOpenAI": "azure.ai.openai",
    },
)
