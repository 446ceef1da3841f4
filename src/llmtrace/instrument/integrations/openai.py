"""The openai SDK: chat completions, responses, embeddings; sync, async, streamed, raw, helpers.

SDK: openai 2 and 3; 1 works, but does not close a stream that fails (its span ends when the
stream is collected). Wrapped: see ``stainless``. OpenAI-compatible hosts come through here too;
``providers`` tells them apart. Wire formats: platform.openai.com/docs/api-reference.
"""

from __future__ import annotations

from typing import Final

from llmtrace import semconv
from llmtrace.instrument.integrations import stainless
from llmtrace.instrument.integrations._base import Endpoint, Integration

_ENDPOINTS: Final = {
    "/chat/completions": Endpoint(api=semconv.API_OPENAI_CHAT, operation=semconv.OP_CHAT),
    "/responses": Endpoint(api=semconv.API_OPENAI_RESPONSES, operation=semconv.OP_CHAT),
    "/embeddings": Endpoint(api=semconv.API_OPENAI_EMBEDDINGS, operation=semconv.OP_EMBEDDINGS),
}
_FETCH: Final = Endpoint(api=semconv.API_OPENAI_RESPONSES, operation=semconv.OP_FETCH_RESPONSE)


def find_endpoint(method: str, url: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on the SDK's relative ``url`` is; None: not ours."""
    if method == "post":
        return _ENDPOINTS.get(url)
    if method == "get" and url.startswith("/responses/") and url.count("/") == 2:  # /responses/{id}
        return _FETCH
    return None


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
