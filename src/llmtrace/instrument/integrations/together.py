"""The together SDK: OpenAI's API under a prefix of its own, and rerank.

SDK: together 3 (and 2). Wrapped: see ``stainless``. With a client whose ``base_url`` nobody set,
3 sends chat to a host of its own, by a whole URL. Source: docs.together.ai/reference.
"""

from __future__ import annotations

from typing import Final

from llmtrace import semconv
from llmtrace.instrument.integrations import openai_paths, stainless
from llmtrace.instrument.integrations._base import Endpoint, Integration

_CHAT_HOST: Final = "https://api-inference.together.ai"
_PREFIX: Final = "/v1"
_RERANK: Final = Endpoint(api=semconv.API_COHERE_RERANK, operation=semconv.OP_RERANK)


def find_endpoint(method: str, url: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on the SDK's relative ``url`` is; None: not ours."""
    path = url.removeprefix(_CHAT_HOST).removeprefix(_PREFIX)
    if path == "/rerank" and method == "post":
        return _RERANK
    return openai_paths.find_endpoint(method, path)


INTEGRATION: Final = Integration(
    name="together",
    distribution="together",
    tested="together >= 2, < 4",
    default_provider="together",
    hooks={
        "together._base_client": lambda module: stainless.patch_base_client(INTEGRATION, module),
    },
    find_endpoint=find_endpoint,
)
