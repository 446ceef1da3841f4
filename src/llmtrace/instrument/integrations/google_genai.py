"""The google-genai SDK: Gemini API and Vertex AI; content, embeddings, images, interactions.

SDK: google-genai 2 and 3. Two of its functions see each HTTP inference once, with all its retries:
``BaseApiClient._request`` (models, chats, the function-calling and continuation loops: what is
called once by the app may be many inferences, and each is a span) and, for interactions,
``wrap_sdk_call``, in which their errors become what the app sees; raw responses come by
``do_request`` of the generated client alone. What goes over the wire is seen below, at httpx or at
aiohttp, which the SDK's async client uses wherever it is installed.

Not recorded: caches (their storage is billed by the hour, not by the call), files, tunings, lists.
Submitting a video is recorded; its long-running operation is not looked at again. Live sessions
are in ``google_live``. Over mutual TLS the SDK's sync client speaks by ``requests``: such a call
has a span with model and timing, but no bodies. Formats: ai.google.dev/api.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv
from llmtrace.instrument import invocation, patches
from llmtrace.instrument.integrations import aiohttp_seam, google_live, http_seam
from llmtrace.instrument.integrations._base import Endpoint, Integration
from llmtrace.instrument.integrations.observe import (
    current_call,
    observed,
    observed_async,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.instrument.call import Call

_VERTEX: Final = "gcp.vertex_ai"
_EMBED: Final = Endpoint(api=semconv.API_GEMINI_EMBED, operation=semconv.OP_EMBEDDINGS)
_EMBED_PREDICT: Final = Endpoint(api=semconv.API_GEMINI_PREDICT, operation=semconv.OP_EMBEDDINGS)
_PREDICT: Final = Endpoint(api=semconv.API_GEMINI_PREDICT, operation=semconv.OP_IMAGE_GENERATION)
_COUNT: Final = Endpoint(api=semconv.API_GEMINI_GENERATE, operation=semconv.OP_COUNT_TOKENS)
_METHODS: Final = {
    "generateContent": Endpoint(
        api=semconv.API_GEMINI_GENERATE, operation=semconv.OP_GENERATE_CONTENT
    ),
    "streamGenerateContent": Endpoint(
        api=semconv.API_GEMINI_GENERATE, operation=semconv.OP_GENERATE_CONTENT, is_streamed=True
    ),
    "embedContent": _EMBED,
    "batchEmbedContents": _EMBED,
    "countTokens": _COUNT,
    "computeTokens": _COUNT,
    "predict": _PREDICT,
    "predictLongRunning": Endpoint(
        api=semconv.API_GEMINI_PREDICT, operation=semconv.OP_VIDEO_GENERATION
    ),
}
"""By what stands behind the colon of ``…/models/{model}:{method}``."""
_INTERACT: Final = Endpoint(
    api=semconv.API_GEMINI_INTERACTIONS, operation=semconv.OP_GENERATE_CONTENT
)
_FETCH: Final = Endpoint(api=semconv.API_GEMINI_INTERACTIONS, operation=semconv.OP_FETCH_RESPONSE)
_INTERACTIONS: Final = {
    "Interactions.create": _INTERACT,
    "AsyncInteractions.create": _INTERACT,
    "Interactions.get": _FETCH,
    "AsyncInteractions.get": _FETCH,
}
"""By the qualified name of the generated client's method."""


def find_endpoint(method: str, path: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on a URL's path is; None: not ours."""
    if method == "post":
        name, _, verb = path.rpartition(":")
        found = _METHODS.get(verb)
        if found is not None:
            # Vertex' older embedding models and its image models answer under one name.
            return _EMBED_PREDICT if found is _PREDICT and "embed" in name else found
        return _INTERACT if path.endswith("/interactions") else None
    if method == "get" and path.rpartition("/")[0].endswith("/interactions"):
        return _FETCH
    return None


def model_of(path: str) -> str | None:
    """Return the model that a URL's path names, without what places it: ``gemini-2.5-flash``.

    What is not among the models of a publisher keeps its kind: ``endpoints/123``.
    """
    name, _, verb = path.rpartition(":")
    if "/" in verb:  # no method: a path without a colon, or that of "https:"
        return None
    _, found, model = name.rpartition("/models/")
    return model if found else "/".join(name.rsplit("/", 2)[-2:])


def _begin(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """Start a call if this request of the API client is an LLM call that is to be recorded."""
    request = args[0] if args else kwargs["http_request"]
    path = request.url.partition("?")[0]
    endpoint = find_endpoint(request.method, path)
    if endpoint is None:
        return None
    provider = _VERTEX if client.vertexai else None
    return invocation.begin(INTEGRATION, endpoint, model_of(path), provider)


def _begin_interaction(owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """Do the same for a method of the generated client; the model is in the body."""
    del owner, kwargs
    method = args[0]
    endpoint = _INTERACTIONS.get(getattr(method, "__qualname__", ""))
    if endpoint is None:
        return None
    root = method.__self__.sdk_configuration.globals.api_version
    return _begin_at(root, endpoint)


def _begin_raw(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """Do the same for a request of the generated client, unless its method has begun a call."""
    del client
    if current_call.get() is not None:
        return None
    request = kwargs["request"] if "request" in kwargs else args[1]
    path = request.url.path
    endpoint = find_endpoint(request.method.lower(), path)
    if endpoint is None:
        return None
    return _begin_at(path, endpoint)


def _begin_at(path: str | None, endpoint: Endpoint) -> Call | None:
    provider = _VERTEX if path and "/projects/" in path else None
    return invocation.begin(INTEGRATION, endpoint, None, provider)


def _patch_client(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "BaseApiClient", "_request", observed(_begin))
    undo.wrap(module, "BaseApiClient", "_async_request", observed_async(_begin))
    http_seam.patch(undo, "httpx2", "httpx")
    aiohttp_seam.patch(undo)
    return undo


def _patch_generated(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "BaseSDK", "do_request", observed(_begin_raw))
    undo.wrap(module, "AsyncBaseSDK", "do_request_async", observed_async(_begin_raw))
    return undo


def _patch_interactions(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, None, "wrap_sdk_call", observed(_begin_interaction))
    undo.wrap(module, None, "async_wrap_sdk_call", observed_async(_begin_interaction))
    return undo


INTEGRATION: Final = Integration(
    name="google_genai",
    distribution="google-genai",
    tested="google-genai >= 2, < 4",
    default_provider="gcp.gemini",
    hooks={
        "google.genai._api_client": _patch_client,
        "google.genai._gaos.basesdk": _patch_generated,
        "google.genai._gaos.google_genai": _patch_interactions,
        "google.genai.live": lambda module: google_live.patch_live(INTEGRATION, module),
    },
    find_endpoint=find_endpoint,
    uses_http_seam=True,
)
