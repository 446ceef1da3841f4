"""The ollama SDK: chat, generate, embed; sync, async, streamed; a local server or Ollama's cloud.

SDK: ollama 0.5 and later. Wrapped: ``_request`` of both clients, which every call passes, also
those of the module (``ollama.chat``), for they are methods of a client. A streamed answer is a
generator, and what its steps do is the call; bytes are seen at httpx. There are no retries.
Formats: docs.ollama.com/api.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv
from llmtrace.instrument import invocation, patches
from llmtrace.instrument.integrations import http_seam
from llmtrace.instrument.integrations._base import Endpoint, Integration
from llmtrace.instrument.integrations.first_step import (
    observed_async_generator,
    observed_generator,
)
from llmtrace.instrument.integrations.observe import observed, observed_async

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.instrument.call import Call

_EMBED: Final = Endpoint(api=semconv.API_OLLAMA_EMBED, operation=semconv.OP_EMBEDDINGS)
_ENDPOINTS: Final = {
    "/api/chat": Endpoint(api=semconv.API_OLLAMA_CHAT, operation=semconv.OP_CHAT),
    "/api/generate": Endpoint(
        api=semconv.API_OLLAMA_GENERATE, operation=semconv.OP_TEXT_COMPLETION
    ),
    "/api/embed": _EMBED,
    "/api/embeddings": _EMBED,
}


def find_endpoint(method: str, path: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on a path is; None: not ours."""
    return _ENDPOINTS.get(path) if method == "post" else None


def _begin(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """Start a call; ``args`` are the class of the answer, the HTTP method and the path."""
    del client
    endpoint = find_endpoint(args[1].lower(), args[2])
    if endpoint is None:
        return None
    body = kwargs.get("json")
    model = body.get("model") if type(body) is dict else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # the SDK's own dict
    return invocation.begin(INTEGRATION, endpoint, model if isinstance(model, str) else None, None)


_plain = observed(_begin)
_streamed = observed_generator(_begin)
_plain_async = observed_async(_begin)
_streamed_async = observed_async_generator(_begin)


def _request(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    run = _streamed if kwargs.get("stream") else _plain
    return run(wrapped, client, args, kwargs)


def _request_async(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    run = _streamed_async if kwargs.get("stream") else _plain_async
    return run(wrapped, client, args, kwargs)


def _patch(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "Client", "_request", _request)
    undo.wrap(module, "AsyncClient", "_request", _request_async)
    http_seam.patch(undo, "httpx", "httpx2")
    return undo


INTEGRATION: Final = Integration(
    name="ollama",
    distribution="ollama",
    tested="ollama >= 0.5, < 1",
    default_provider="ollama",
    hooks={"ollama._client": _patch},
    find_endpoint=find_endpoint,
    uses_http_seam=True,
)
