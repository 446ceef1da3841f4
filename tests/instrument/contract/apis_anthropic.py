"""The anthropic SDK under contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.instrument.contract.apis import Api, FreeCall, Sdk
from tests.instrument.contract.stainless import ERRORS, client_options

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider


def _connect(provider: LocalProvider, *, is_async: bool, **options: Any) -> Any:
    import anthropic

    made = anthropic.AsyncAnthropic if is_async else anthropic.Anthropic
    return made(base_url=provider.anthropic_url, **client_options(**options))


def _asked(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 512}


_TOOL = {
    "name": "track_parcel",
    "description": "Where a parcel is.",
    "input_schema": {
        "type": "object",
        "properties": {"number": {"type": "string"}},
        "required": ["number"],
    },
}
ANTHROPIC = Sdk(
    name="anthropic",
    connect=_connect,
    errors={status: f"anthropic.{name}" for status, name in ERRORS.items()},
    lost="anthropic.APIConnectionError",
    timed_out="anthropic.APITimeoutError",
    tells_attempts=True,
)
MESSAGES = Api(
    sdk=ANTHROPIC,
    plain="messages.create",
    streamed="messages.create",
    to_stream={"stream": True},
    raw="messages.with_raw_response.create",
    wire="anthropic.messages",
    operation="chat",
    model="claude-haiku-4-5",
    snapshot="claude-haiku-4-5-20251001",
    asked=_asked,
    limit={"max_tokens": 3},
    stopped="end_turn",
    cut_short="max_tokens",
    tools={"tools": [_TOOL]},
    called="tool_use",
)


def _count_tokens(client: Any) -> None:
    client.messages.count_tokens(model=MESSAGES.model, messages=[{"role": "user", "content": "Hi"}])


APIS = (MESSAGES,)
FREE_CALLS = (
    FreeCall(ANTHROPIC, "models", lambda client: list(client.models.list())),
    FreeCall(ANTHROPIC, "count_tokens", _count_tokens),
)
