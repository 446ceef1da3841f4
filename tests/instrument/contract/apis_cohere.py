"""The cohere SDK under contract: chat of both versions, embed, rerank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.instrument.contract.apis import Api, FreeCall, Sdk
from tests.instrument.contract.apis_openai import CHAT_TOOLS, messages

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider


def client_of(
    provider: LocalProvider,
    *,
    is_async: bool = False,
    retries: int = 0,
    timeout_s: float | None = None,
    key: str = "any",
    version: int = 2,
) -> Any:
    """Return a client of the real SDK of one version of the API."""
    import cohere
    from cohere.core import http_client

    http_client.MAX_RETRY_DELAY_SECONDS = 0.02  # 6 waits for seconds, whatever a refusal says

    name = ("Async" if is_async else "") + ("ClientV2" if version == 2 else "Client")
    made = getattr(cohere, name)(api_key=key, base_url=provider.url, timeout=timeout_s)
    # From 7 on this is an argument of the client; before it has to be said at each call.
    made._client_wrapper.httpx_client.base_max_retries = retries
    return made


def _close(client: Any) -> Any:
    http = client._client_wrapper.httpx_client.httpx_client  # there is no public way
    return (http.aclose if hasattr(http, "aclose") else http.close)()


_HOW: dict[str, Any] = {
    "name": "cohere",
    "errors": {
        400: "cohere.BadRequestError",
        401: "cohere.UnauthorizedError",
        404: "cohere.NotFoundError",
        429: "cohere.TooManyRequestsError",
        500: "cohere.InternalServerError",
    },
    "lost": "httpx.RemoteProtocolError",
    "timed_out": "httpx.ReadTimeout",
    "close": _close,
    "retries_lost": False,
    "opens_lazily": True,
    "has_request_id": False,
    "says_status": False,
    "keeps_methods": True,
}
COHERE = Sdk(connect=client_of, **_HOW)


def _connect_v1(provider: LocalProvider, **options: Any) -> Any:
    return client_of(provider, version=1, **options)


COHERE_V1 = Sdk(connect=_connect_v1, **_HOW)
CHAT = Api(
    sdk=COHERE,
    plain="chat",
    streamed="chat_stream",
    raw="with_raw_response.chat",
    wire="cohere.chat",
    operation="chat",
    model="command-a-03-2025",
    snapshot=None,
    asked=messages,
    limit={"max_tokens": 3},
    stopped="COMPLETE",
    cut_short="MAX_TOKENS",
    tools=CHAT_TOOLS,
    called="TOOL_CALL",
)
EMBED = Api(
    sdk=COHERE,
    plain="embed",
    wire="cohere.embed",
    operation="embeddings",
    model="embed-v4.0",
    snapshot=None,
    asked=lambda text: {
        "texts": [text],
        "input_type": "search_query",
        "embedding_types": ["float"],
    },
    speaks=False,
)
CHAT_V1 = Api(
    sdk=COHERE_V1,
    plain="chat",
    streamed="chat_stream",
    wire="cohere.chat_v1",
    operation="chat",
    model="command-r-08-2024",
    snapshot=None,
    asked=lambda text: {"message": text},
    limit={"max_tokens": 3},
    stopped="COMPLETE",
    cut_short="MAX_TOKENS",
)
APIS = (CHAT, CHAT_V1, EMBED)


def _tokenize(client: Any) -> None:
    client.tokenize(text="Hi", model="command-a-03-2025", offline=False)


FREE_CALLS = (FreeCall(COHERE, "tokenize", _tokenize),)
