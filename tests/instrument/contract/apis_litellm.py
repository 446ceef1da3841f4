"""LiteLLM under contract: by the openai SDK, and by its own HTTP as it asks Anthropic.

It needs an openai SDK older than the newest, so that a row of the version matrix runs this.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmtrace.instrument.spans import class_name
from tests.instrument.contract.apis import Api, Sdk
from tests.instrument.contract.apis_openai import CHAT_TOOLS, messages
from tests.instrument.contract.stainless import ERRORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.testing.provider import LocalProvider

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network on import


@dataclass(frozen=True, kw_only=True)
class Door:
    """What stands for a client: LiteLLM has functions, which take all of it at each call."""

    is_async: bool
    url: str
    more: Mapping[str, Any]

    def ask(self, **given: Any) -> Any:
        """Call LiteLLM; with ``is_async`` the result is to be awaited."""
        litellm: Any = importlib.import_module("litellm")

        ask = litellm.acompletion if self.is_async else litellm.completion
        return ask(**self.more, **given)


class OneWay:
    """A stream of a sync call: LiteLLM's own can be read both ways, by whoever is to."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Any:
        return iter(self._stream)

    def close(self) -> None:
        """Let go of it: it has no method for this."""
        del self._stream


def _connect(
    provider: LocalProvider,
    *,
    is_async: bool,
    retries: int,
    timeout_s: float | None,
    key: str,
) -> Door:
    timeout = {} if timeout_s is None else {"timeout": timeout_s}
    more = {"api_key": key, "max_retries": retries, "num_retries": 0, **timeout}
    return Door(is_async=is_async, url=provider.url, more=more)


@dataclass(frozen=True, kw_only=True)
class Routed(Api):
    """A model of one provider, told by the first part of its name."""

    path: str = ""
    """Of the provider's address, behind the local one's."""

    def send(self, client: Door, given: Mapping[str, Any], *, stream: bool = False) -> Any:
        """Call ``completion``, or its async twin."""
        named = {"model": f"{self.sdk.provider}/{given['model']}"}
        url = {"api_base": f"{client.url}{self.path}"}
        answer = client.ask(**{**given, **named, **url}, **(self.to_stream if stream else {}))
        return OneWay(answer) if stream and not client.is_async else answer

    def method(self, client: Door) -> tuple[Any, str]:
        """Return LiteLLM and the name of its function."""
        litellm: Any = importlib.import_module("litellm")

        return litellm, "acompletion" if client.is_async else "completion"


def _below(error: BaseException) -> str:
    """Return the class of the error below LiteLLM's own two: it is the one that the call met."""
    for _ in range(2):
        error = error.__cause__ or error.__context__ or error
    return class_name(error)


def _sdk(provider: str, **differs: Any) -> Sdk:
    fields: dict[str, Any] = {
        "name": "litellm",
        "provider": provider,
        "connect": _connect,
        "close": lambda _: None,  # it keeps its connections itself, for every later call
        "error_type": _below,
        "says_status": False,
        "reads_late": True,
        "closes_streams": False,
        "is_compared": False,  # its answers carry times and ids that it makes itself
        # Its own retries are calls, each billed; those of SDKs below it are asked of the SDKs.
        "has_retries": False,
        "retries_lost": False,
    }
    return Sdk(**(fields | differs))


CHAT = Routed(
    sdk=_sdk(
        "openai",
        distribution="openai",
        module="litellm",
        errors={status: f"openai.{name}" for status, name in ERRORS.items()},
        lost="openai.APIConnectionError",
        timed_out="openai.APITimeoutError",
    ),
    path="/v1",
    plain="completion",
    streamed="completion",
    to_stream={"stream": True},
    with_usage={"stream_options": {"include_usage": True}},
    wire="openai.chat",
    operation="chat",
    model="gpt-4o-mini",
    snapshot="gpt-4o-mini-2024-07-18",
    asked=messages,
    limit={"max_tokens": 3},
    stopped="stop",
    cut_short="length",
    tools=CHAT_TOOLS,
    called="tool_calls",
)
MESSAGES = Routed(
    sdk=_sdk(
        "anthropic",
        errors=dict.fromkeys((400, 401, 404, 429, 500), "litellm.MaskedHTTPStatusError"),
        lost="httpx.RemoteProtocolError",
        lost_async="httpx.ReadError",
        timed_out="litellm.Timeout",
    ),
    plain="completion",
    streamed="completion",
    to_stream={"stream": True},
    wire="anthropic.messages",
    operation="chat",
    model="claude-haiku-4-5",
    snapshot="claude-haiku-4-5-20251001",
    asked=lambda text: {**messages(text), "max_tokens": 512},
    limit={"max_tokens": 3},
    stopped="end_turn",
    cut_short="max_tokens",
    tools=CHAT_TOOLS,
    called="tool_use",
)
APIS = (CHAT, MESSAGES)
