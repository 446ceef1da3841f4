"""The openai SDK under contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.instrument.contract.apis import Api, FreeCall, Sdk
from tests.instrument.contract.stainless import ERRORS, client_options

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider


def _connect(provider: LocalProvider, *, is_async: bool, **options: Any) -> Any:
    import openai

    made = openai.AsyncOpenAI if is_async else openai.OpenAI
    return made(base_url=provider.openai_url, **client_options(**options))


def messages(text: str) -> dict[str, Any]:
    """Return the arguments that say ``text``, as OpenAI and those like it take them."""
    return {"messages": [{"role": "user", "content": text}]}


FUNCTION = {
    "name": "track_parcel",
    "description": "Where a parcel is.",
    "parameters": {
        "type": "object",
        "properties": {"number": {"type": "string"}},
        "required": ["number"],
    },
}
CHAT_TOOLS: dict[str, Any] = {"tools": [{"type": "function", "function": FUNCTION}]}

OPENAI = Sdk(
    name="openai",
    connect=_connect,
    errors={status: f"openai.{name}" for status, name in ERRORS.items()},
    lost="openai.APIConnectionError",
    timed_out="openai.APITimeoutError",
    tells_attempts=True,
)
CHAT = Api(
    sdk=OPENAI,
    plain="chat.completions.create",
    streamed="chat.completions.create",
    to_stream={"stream": True},
    with_usage={"stream_options": {"include_usage": True}},
    raw="chat.completions.with_raw_response.create",
    wire="openai.chat",
    operation="chat",
    model="gpt-4o-mini",
    snapshot="gpt-4o-mini-2024-07-18",
    asked=messages,
    limit={"max_completion_tokens": 3},
    stopped="stop",
    cut_short="length",
    tools=CHAT_TOOLS,
    called="tool_calls",
)
RESPONSES = Api(
    sdk=OPENAI,
    plain="responses.create",
    streamed="responses.create",
    to_stream={"stream": True},
    raw="responses.with_raw_response.create",
    wire="openai.responses",
    operation="chat",
    model="gpt-4o-mini",
    snapshot="gpt-4o-mini-2024-07-18",
    asked=lambda text: {"input": text},
    limit={"max_output_tokens": 16},
    stopped="completed",
    cut_short="max_output_tokens",
    tools={"tools": [{"type": "function", **FUNCTION}]},
    called="completed",
)
EMBEDDINGS = Api(
    sdk=OPENAI,
    plain="embeddings.create",
    raw="embeddings.with_raw_response.create",
    wire="openai.embeddings",
    operation="embeddings",
    model="text-embedding-3-small",
    asked=lambda text: {"input": text},
    speaks=False,
)
COMPLETIONS = Api(
    sdk=OPENAI,
    plain="completions.create",
    streamed="completions.create",
    to_stream={"stream": True},
    with_usage={"stream_options": {"include_usage": True}},
    raw="completions.with_raw_response.create",
    wire="openai.completions",
    operation="text_completion",
    model="gpt-3.5-turbo-instruct",
    asked=lambda text: {"prompt": text, "max_tokens": 500},
    limit={"max_tokens": 3},
    stopped="stop",
    cut_short="length",
)
APIS = (CHAT, RESPONSES, EMBEDDINGS, COMPLETIONS)
FREE_CALLS = (FreeCall(OPENAI, "models", lambda client: list(client.models.list())),)
