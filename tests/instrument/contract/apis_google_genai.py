"""The google-genai SDK under contract: the Gemini API and Vertex AI, over aiohttp and httpx."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from tests.instrument.contract.apis import Api, FreeCall, Sdk
from tests.instrument.contract.apis_openai import FUNCTION
from tests.instrument.contract.stainless import ERRORS

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider


def http_library() -> str:
    """Return what the installed SDK sends by, as long as nobody chooses; "" without the SDK."""
    try:
        major = importlib.metadata.version("google-genai").partition(".")[0]
    except importlib.metadata.PackageNotFoundError:
        return ""
    return "httpx" if int(major) < 3 else "httpx2"


IS_NEWEST = http_library() == "httpx2"
"""Whether it is 3: before, a stream that is left stays open, and interactions retry at will."""


_KEPT: WeakKeyDictionary[LocalProvider, list[Any]] = WeakKeyDictionary()


def client_of(
    provider: LocalProvider,
    *,
    is_async: bool = False,
    retries: int = 0,
    timeout_s: float | None = None,
    key: str = "any",
    vertex: bool = False,
    httpx: bool = False,
) -> Any:
    """Return a client that talks to ``provider``; ``httpx``: also where aiohttp is installed."""
    from google import genai
    from google.genai import types

    library: Any = importlib.import_module(http_library())
    http = types.HttpOptions(
        base_url=provider.url,
        timeout=None if timeout_s is None else round(timeout_s * 1000),
        retry_options=types.HttpRetryOptions(
            attempts=retries + 1, initial_delay=0.01, max_delay=0.02, jitter=0.01
        ),
        async_client_args={"transport": library.AsyncHTTPTransport()} if httpx else None,
    )
    if vertex:
        from google.oauth2.credentials import Credentials

        made = genai.Client(
            vertexai=True,
            project="a-project",
            location="us-central1",
            credentials=Credentials(key),
            http_options=http,
        )
    else:
        made = genai.Client(api_key=key, http_options=http)
    # The SDK closes what a client has opened when that is collected, streams that are read too.
    _KEPT.setdefault(provider, []).append(made)
    return made.aio if is_async else made


def _sdk(provider: str, **how: Any) -> Sdk:
    return Sdk(
        name="google_genai",
        distribution="google-genai",
        module="google.genai",
        provider=provider,
        connect=functools.partial(client_of, **how),
        errors={
            400: "google.ClientError",
            401: "google.ClientError",
            404: "google.ClientError",
            429: "google.ClientError",
            500: "google.ServerError",
        },
        lost=f"{http_library()}.RemoteProtocolError",
        lost_async="" if how.get("httpx") else "aiohttp.ServerDisconnectedError",
        timed_out=f"{http_library()}.ReadTimeout",
        retries_lost=False,
        opens_lazily=True,
        reads_late=True,
        closes_streams=IS_NEWEST,
        has_request_id=False,
        says_status=False,
    )


GOOGLE = _sdk("gcp.gemini")
GOOGLE_HTTPX = replace(_sdk("gcp.gemini", httpx=True), closes_quietly=False)
VERTEX = _sdk("gcp.vertex_ai", vertex=True)
GENERATED = replace(
    GOOGLE,
    errors={status: f"google.{name}" for status, name in ERRORS.items()},
    lost="google.APIConnectionError",
    lost_async="",
    timed_out="google.APITimeoutError",
    opens_lazily=False,
    reads_late=False,
)
"""The client of interactions inside the SDK, which is generated and has ways of its own."""
_CONTENT: dict[str, Any] = {
    "plain": "models.generate_content",
    "streamed": "models.generate_content_stream",
    "wire": "gemini.generate_content",
    "operation": "generate_content",
    "model": "gemini-2.5-flash",
    "asked": lambda text: {"contents": text},
    "limit": {"config": {"max_output_tokens": 3}},
    "stopped": "STOP",
    "cut_short": "MAX_TOKENS",
    "tools": {"config": {"tools": [{"function_declarations": [FUNCTION]}]}},
    "called": "STOP",
}
GENERATE = Api(sdk=GOOGLE, **_CONTENT)
INTERACTIONS = Api(
    sdk=GENERATED,
    plain="interactions.create",
    streamed="interactions.create",
    to_stream={"stream": True},
    wire="gemini.interactions",
    operation="generate_content",
    model="gemini-2.5-flash",
    asked=lambda text: {"input": text},
    limit={"generation_config": {"max_output_tokens": 3}},
    stopped="completed",
    cut_short="incomplete",
    tools={"tools": [{"type": "function", **FUNCTION}]},
    called="requires_action",
)
EMBED = Api(
    sdk=GOOGLE,
    plain="models.embed_content",
    wire="gemini.embed_content",
    operation="embeddings",
    model="gemini-embedding-001",
    snapshot=None,
    asked=lambda text: {"contents": text},
    speaks=False,
)
APIS = (
    GENERATE,
    Api(sdk=GOOGLE_HTTPX, variant="httpx", **_CONTENT),
    Api(sdk=VERTEX, variant="vertex", **_CONTENT),
    *([INTERACTIONS] if IS_NEWEST else []),
    EMBED,
)


def _count_tokens(client: Any) -> None:
    client.models.count_tokens(model="gemini-2.5-flash", contents="Hi")


def _store(client: Any) -> None:
    client.caches.create(model="gemini-2.5-flash", config={"contents": "Hi"})


FREE_CALLS = (FreeCall(GOOGLE, "count_tokens", _count_tokens), FreeCall(GOOGLE, "caches", _store))
