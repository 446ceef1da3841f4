"""The mistralai SDK under contract: chat, FIM, conversations, embeddings."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

from llmtrace.testing.provider import Reply
from tests.instrument.contract.apis import Api, AsyncFace, FreeCall, Sdk
from tests.instrument.contract.apis_openai import CHAT_TOOLS, FUNCTION, messages

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider


def client_of(
    provider: LocalProvider,
    *,
    is_async: bool = False,
    retries: int = 0,
    timeout_s: float | None = None,
    key: str = "any",
) -> Any:
    """Return a client of the real SDK, or its async half."""
    from mistralai.client import Mistral
    from mistralai.client.utils import BackoffStrategy, RetryConfig

    # It tries again for a time, not for a number of times.
    backoff = BackoffStrategy(10, 20, 1.0, 10_000)
    made = Mistral(
        api_key=key,
        server_url=f"{provider.url}/mistral",
        timeout_ms=None if timeout_s is None else round(timeout_s * 1000),
        retry_config=RetryConfig("backoff", backoff, retry_connection_errors=True)
        if retries
        else None,
    )
    return AsyncFace(made) if is_async else made


def _close(client: Any) -> Any:
    # Left to itself the SDK does it when the client is collected, in whichever loop runs then.
    return client.aclose() if isinstance(client, AsyncFace) else client.__exit__(None, None, None)


def _event(kind: str, fields: str) -> bytes:
    return f'event: {kind}\ndata: {{"type": "{kind}", {fields}}}\n\n'.encode()


_FAILING = Reply(
    pieces=(
        _event("conversation.response.started", '"conversation_id": "conv_1"'),
        _event("conversation.response.error", '"message": "overloaded", "code": 1000'),
    ),
    content_type="text/event-stream",
)


def _http_library() -> str:
    """Return what the installed SDK sends by; "" without the SDK."""
    try:
        major = importlib.metadata.version("mistralai").partition(".")[0]
    except importlib.metadata.PackageNotFoundError:
        return ""
    return "httpx" if int(major) < 3 else "httpx2"


MISTRAL = Sdk(
    name="mistralai",
    provider="mistral_ai",
    connect=client_of,
    errors=dict.fromkeys((400, 401, 404, 429, 500), "mistralai.SDKError"),
    lost=f"{_http_library()}.RemoteProtocolError",
    timed_out=f"{_http_library()}.ReadTimeout",
    close=_close,
    has_request_id=False,
    counts_retries=False,
    retries_lost=False,
    reads_late=True,
)
CHAT = Api(
    sdk=MISTRAL,
    plain="chat.complete",
    streamed="chat.stream",
    wire="mistral.chat",
    operation="chat",
    model="mistral-small-2506",
    asked=messages,
    limit={"max_tokens": 3},
    stopped="stop",
    cut_short="length",
    tools=CHAT_TOOLS,
    called="tool_calls",
)
FIM = Api(
    sdk=MISTRAL,
    plain="fim.complete",
    streamed="fim.stream",
    wire="mistral.chat",
    variant="fim",
    operation="text_completion",
    model="codestral-2508",
    asked=lambda text: {"prompt": text},
    limit={"max_tokens": 3},
    stopped="stop",
    cut_short="length",
)
CONVERSATION = Api(
    sdk=MISTRAL,
    plain="beta.conversations.start",
    streamed="beta.conversations.start_stream",
    wire="mistral.conversations",
    operation="chat",
    model="mistral-small-2506",
    asked=lambda text: {"inputs": text},
    tools={"tools": [{"type": "function", "function": FUNCTION}]},
    stream_error=_FAILING,
)
EMBED = Api(
    sdk=MISTRAL,
    plain="embeddings.create",
    wire="openai.embeddings",
    operation="embeddings",
    model="mistral-embed",
    asked=lambda text: {"inputs": text},
    speaks=False,
)
APIS = (CHAT, FIM, CONVERSATION, EMBED)
FREE_CALLS = (FreeCall(MISTRAL, "models", lambda client: client.models.list()),)
