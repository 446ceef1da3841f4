"""Stored calls made of what a loopback provider really answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider

TRACE = "0af7651916cd43dd8448eb211c80319c"
_PATHS = {
    "openai.chat": "/v1/chat/completions",
    "openai.responses": "/v1/responses",
    "openai.embeddings": "/v1/embeddings",
    "anthropic.messages": "/v1/messages",
}


def row(api: str, request: Any, response: Any, *, number: int = 1, **more: Any) -> dict[str, Any]:
    """A row of ``llm_calls_full``, as far as replay reads it."""
    return {
        "span_id": f"{number:016x}",
        "trace_id": TRACE,
        "api": api,
        "provider": api.split(".", maxsplit=1)[0],
        "request_body": request,
        "response_body": response,
        "request_model": request.get("model") if isinstance(request, dict) else None,
        "http_status": 200,
        **more,
    }


def recorded(
    provider: LocalProvider, api: str, request: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Ask the provider, and return the call as a row."""
    url = provider.url + _PATHS[api]
    headers = {"authorization": "Bearer any", "x-api-key": "any", "anthropic-version": "2023-06-01"}
    answer = httpx2.post(url, json=request, headers=headers)
    return row(api, request, answer.json(), http_status=answer.status_code, **more)


CHAT: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "Why is the sky blue?"}],
}
RESPONSES: dict[str, Any] = {"model": "gpt-5-mini", "input": "Why is the sky blue?"}
MESSAGES: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 200,
    "messages": [{"role": "user", "content": "Why is the sky blue?"}],
}
EMBEDDINGS: dict[str, Any] = {"model": "text-embedding-3-small", "input": "sky"}
