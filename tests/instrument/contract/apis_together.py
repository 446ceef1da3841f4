"""The together SDK under contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.instrument.contract.apis import Api, Sdk
from tests.instrument.contract.apis_openai import CHAT_TOOLS, messages
from tests.instrument.contract.stainless import ERRORS, client_options

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider


def _connect(provider: LocalProvider, *, is_async: bool, **options: Any) -> Any:
    import together

    made = together.AsyncTogether if is_async else together.Together
    # From 3 on the SDK's paths have the version in them, before it is in the base URL.
    has_version = int(together.__version__.partition(".")[0]) < 3
    url = provider.openai_url if has_version else provider.url
    return made(base_url=url, **client_options(**options))


TOGETHER = Sdk(
    name="together",
    connect=_connect,
    errors={status: f"together.{name}" for status, name in ERRORS.items()},
    lost="together.APIConnectionError",
    timed_out="together.APITimeoutError",
    tells_attempts=True,
)
CHAT = Api(
    sdk=TOGETHER,
    plain="chat.completions.create",
    streamed="chat.completions.create",
    to_stream={"stream": True},
    with_usage={"extra_body": {"stream_options": {"include_usage": True}}},
    raw="chat.completions.with_raw_response.create",
    wire="openai.chat",
    operation="chat",
    model="meta-llama/Llama-3.3-70B-Instruct-Turbo",
    asked=messages,
    limit={"max_tokens": 3},
    stopped="stop",
    cut_short="length",
    tools=CHAT_TOOLS,
    called="tool_calls",
)
EMBEDDINGS = Api(
    sdk=TOGETHER,
    plain="embeddings.create",
    raw="embeddings.with_raw_response.create",
    wire="openai.embeddings",
    operation="embeddings",
    model="BAAI/bge-large-en-v1.5",
    asked=lambda text: {"input": text},
    speaks=False,
    priced=False,
)
APIS = (CHAT, EMBEDDINGS)
