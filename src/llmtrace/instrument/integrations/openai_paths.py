"""The endpoints of OpenAI's API by path, for every SDK that speaks to one like it.

Paths are relative to the API's root, as ``/chat/completions``; an SDK with a prefix takes
it off first. What the bodies mean is in ``wire``. Source: platform.openai.com/docs/api-reference.
"""

from __future__ import annotations

from typing import Final

from llmtrace import semconv
from llmtrace.instrument.integrations._base import Endpoint

_ENDPOINTS: Final = {
    "/chat/completions": Endpoint(api=semconv.API_OPENAI_CHAT, operation=semconv.OP_CHAT),
    "/responses": Endpoint(api=semconv.API_OPENAI_RESPONSES, operation=semconv.OP_CHAT),
    "/embeddings": Endpoint(api=semconv.API_OPENAI_EMBEDDINGS, operation=semconv.OP_EMBEDDINGS),
}
_FETCH: Final = Endpoint(api=semconv.API_OPENAI_RESPONSES, operation=semconv.OP_FETCH_RESPONSE)


def find_endpoint(method: str, url: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on the API's relative ``url`` is; None: not ours."""
    if method == "post":
        return _ENDPOINTS.get(url)
    if method == "get" and url.startswith("/responses/") and url.count("/") == 2:  # /responses/{id}
        return _FETCH
    return None
