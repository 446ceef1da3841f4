"""The APIs under contract: how each is called, and what every call of it must say."""

from __future__ import annotations

import importlib
import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.testing.provider import LocalProvider


@dataclass(frozen=True)
class Api:
    """One inference API of one SDK."""

    sdk: str
    path: str
    """Of its create method, from the client on."""
    wire: str
    """``llmtrace.api`` on its spans."""
    operation: str
    model: str
    snapshot: str
    """The model's name in answers."""
    asked: Callable[[str], dict[str, Any]]
    """Text of the user → arguments."""
    limit: dict[str, int]
    """Argument that cuts an answer short."""
    stopped: str
    """Finish reason of a whole answer."""
    cut_short: str
    """Finish reason of an answer that met ``limit``."""
    streams: bool = True

    def client(self, provider: LocalProvider, *, is_async: bool = False, **options: Any) -> Any:
        """Return a new client of the real SDK that talks to ``provider``."""
        module = importlib.import_module(self.sdk)
        name = {"openai": "OpenAI", "anthropic": "Anthropic"}[self.sdk]
        made = getattr(module, f"Async{name}" if is_async else name)
        url = provider.openai_url if self.sdk == "openai" else provider.anthropic_url
        return made(**{"base_url": url, "api_key": "any", "max_retries": 0, **options})

    def create(self, client: Any, text: str = "Where is my parcel?", **more: Any) -> Any:
        """Call the API once."""
        target = client
        for name in self.path.split("."):
            target = getattr(target, name)
        return target(**{"model": self.model, **self.asked(text), **more})

    @property
    def version(self) -> str:
        """Name and version of the installed SDK, as spans carry it."""
        return f"{self.sdk} {importlib.metadata.version(self.sdk)}"


def _messages(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


CHAT = Api(
    sdk="openai",
    path="chat.completions.create",
    wire="openai.chat",
    operation="chat",
    model="gpt-4o-mini",
    snapshot="gpt-4o-mini-2024-07-18",
    asked=_messages,
    limit={"max_completion_tokens": 3},
    stopped="stop",
    cut_short="length",
)
RESPONSES = Api(
    sdk="openai",
    path="responses.create",
    wire="openai.responses",
    operation="chat",
    model="gpt-4o-mini",
    snapshot="gpt-4o-mini-2024-07-18",
    asked=lambda text: {"input": text},
    limit={"max_output_tokens": 16},
    stopped="completed",
    cut_short="max_output_tokens",
)
EMBEDDINGS = Api(
    sdk="openai",
    path="embeddings.create",
    wire="openai.embeddings",
    operation="embeddings",
    model="text-embedding-3-small",
    snapshot="text-embedding-3-small",
    asked=lambda text: {"input": text},
    limit={},
    stopped="",
    cut_short="",
    streams=False,
)
MESSAGES = Api(
    sdk="anthropic",
    path="messages.create",
    wire="anthropic.messages",
    operation="chat",
    model="claude-haiku-4-5",
    snapshot="claude-haiku-4-5-20251001",
    asked=lambda text: {**_messages(text), "max_tokens": 512},
    limit={"max_tokens": 3},
    stopped="end_turn",
    cut_short="max_tokens",
)
APIS = (CHAT, RESPONSES, EMBEDDINGS, MESSAGES)
SPEAKING = tuple(api for api in APIS if api.streams)
