"""The xai-sdk under contract: chat over gRPC, with a bridge to the local provider behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.instrument.contract.apis import Api, Sdk, error_code
from tests.instrument.contract.apis_openai import FUNCTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.testing.provider import LocalProvider


def client_of(
    provider: LocalProvider,
    *,
    is_async: bool = False,
    retries: int = 0,
    timeout_s: float | None = None,
    key: str = "any",
    grpc_retries: bool = False,
) -> Any:
    """Return a client of the real SDK; ``grpc_retries``: gRPC tries again as the SDK has it."""
    import xai_sdk

    from tests.instrument.contract import xai_bridge

    made = xai_sdk.AsyncClient if is_async else xai_sdk.Client
    return made(
        api_key=key,
        api_host=xai_bridge.address(),
        use_insecure_channel=True,
        timeout=timeout_s,
        metadata=((xai_bridge.PROVIDER, provider.openai_url),),
        channel_options=[] if grpc_retries else [("grpc.enable_retries", 0)],
    )


def _asked(text: str) -> dict[str, Any]:
    from xai_sdk.chat import user

    return {"messages": [user(text)]}


@dataclass(frozen=True, kw_only=True)
class Conversation(Api):
    """A chat is made first, which asks nobody; then it is sampled, or streamed."""

    def send(self, client: Any, given: Mapping[str, Any], *, stream: bool = False) -> Any:
        """Make a chat of the arguments, and ask for its answer."""
        from xai_sdk.chat import tool

        tools = {"tools": [tool(**each) for each in given["tools"]]} if "tools" in given else {}
        chat = client.chat.create(**{**given, **tools})
        return chat.stream() if stream else chat.sample()

    def method(self, client: Any) -> tuple[Any, str]:
        """Return the class of chats and the name of the method that answers."""
        return type(client.chat.create(model=self.model)), self.plain


XAI = Sdk(
    name="xai",
    distribution="xai-sdk",
    module="xai_sdk",
    provider="x_ai",
    connect=client_of,
    errors={
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        404: "NOT_FOUND",
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
    },
    error_type=error_code,
    lost="UNAVAILABLE",
    timed_out="DEADLINE_EXCEEDED",
    # gRPC tries again below Python, which is told of the last attempt only.
    has_retries=False,
    retries_lost=False,
    opens_lazily=True,
    has_request_id=False,
    says_status=False,
    shows_http=False,
    gunzips=False,
)
CHAT = Conversation(
    sdk=XAI,
    plain="sample",
    streamed="stream",
    wire="xai.chat",
    operation="chat",
    model="grok-4",
    asked=_asked,
    limit={"max_tokens": 3},
    stopped="stop",
    cut_short="max_len",
    tools={"tools": (FUNCTION,)},
    called="tool_calls",
)
APIS = (CHAT,)
