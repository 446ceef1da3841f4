"""The ollama SDK under contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.instrument.contract.apis import Api, Sdk
from tests.instrument.contract.apis_openai import CHAT_TOOLS, messages

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider


def _connect(
    provider: LocalProvider,
    *,
    is_async: bool,
    retries: int,
    timeout_s: float | None,
    key: str,
) -> Any:
    import ollama

    del retries
    made = ollama.AsyncClient if is_async else ollama.Client
    return made(host=provider.url, timeout=timeout_s, headers={"authorization": f"Bearer {key}"})


def _close(client: Any) -> Any:
    if hasattr(client, "close"):  # from 0.6 on
        return client.close()
    http = client._client
    return (http.aclose if hasattr(http, "aclose") else http.close)()


OLLAMA = Sdk(
    name="ollama",
    connect=_connect,
    errors=dict.fromkeys((400, 401, 404, 429, 500), "ollama.ResponseError"),
    lost="httpx.RemoteProtocolError",
    timed_out="httpx.ReadTimeout",
    close=_close,
    has_retries=False,
    retries_lost=False,
    opens_lazily=True,
    has_request_id=False,
    says_status=False,
)
CHAT = Api(
    sdk=OLLAMA,
    plain="chat",
    streamed="chat",
    to_stream={"stream": True},
    wire="ollama.chat",
    operation="chat",
    model="llama3.2",
    asked=messages,
    limit={"options": {"num_predict": 3}},
    stopped="stop",
    cut_short="length",
    tools=CHAT_TOOLS,
    called="stop",
    priced=False,
)
GENERATE = Api(
    sdk=OLLAMA,
    plain="generate",
    streamed="generate",
    to_stream={"stream": True},
    wire="ollama.generate",
    operation="text_completion",
    model="llama3.2",
    asked=lambda text: {"prompt": text},
    limit={"options": {"num_predict": 3}},
    stopped="stop",
    cut_short="length",
    priced=False,
)
EMBED = Api(
    sdk=OLLAMA,
    plain="embed",
    wire="ollama.embed",
    operation="embeddings",
    model="nomic-embed-text",
    asked=lambda text: {"input": text},
    speaks=False,
    priced=False,
)
APIS = (CHAT, GENERATE, EMBED)
