"""The groq SDK under contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.instrument.contract.apis import Api, Sdk
from tests.instrument.contract.apis_openai import CHAT_TOOLS, messages
from tests.instrument.contract.stainless import ERRORS, client_options

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider


def _connect(provider: LocalProvider, *, is_async: bool, **options: Any) -> Any:
    import groq

    made = groq.AsyncGroq if is_async else groq.Groq
    return made(base_url=provider.url, **client_options(**options))


GROQ = Sdk(
    name="groq",
    connect=_connect,
    errors={status: f"groq.{name}" for status, name in ERRORS.items()},
    lost="groq.APIConnectionError",
    timed_out="groq.APITimeoutError",
    tells_attempts=True,
)
CHAT = Api(
    sdk=GROQ,
    plain="chat.completions.create",
    streamed="chat.completions.create",
    to_stream={"stream": True},
    with_usage={"extra_body": {"stream_options": {"include_usage": True}}},
    raw="chat.completions.with_raw_response.create",
    wire="openai.chat",
    operation="chat",
    model="llama-3.3-70b-versatile",
    asked=messages,
    limit={"max_completion_tokens": 3},
    stopped="stop",
    cut_short="length",
    tools=CHAT_TOOLS,
    called="tool_calls",
)
APIS = (CHAT,)
