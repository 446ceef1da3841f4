"""The frameworks under contract: how each is asked, and what must stand above the model's call.

To put a framework under contract, add ``frameworks_<name>.py`` beside this file with a tuple
``FRAMEWORKS``; it is found by its name. Its models are the real openai SDK's, pointed at the local
provider, so that two integrations see every call and one of them counts. What has no meaning for
frameworks is asked of the SDKs alone: raw responses are below them.

    CONTRACT_SDKS=langchain .venv/bin/pytest -p no:cacheprovider tests/instrument/contract

runs it for that framework alone, and for no SDK.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from llmtrace.testing.provider import Answer, Reply, ToolCall
from tests.instrument import contract

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llmtrace.testing.provider import LocalProvider

MODEL = "gpt-4o-mini"
CALL = f"chat {MODEL}"
TOOL = "execute_tool weather"
_LAST = Reply(answer=Answer(text="It is on its way."))


class Run(Protocol):
    """Asks a new agent named helper, that has ``weather`` as its tool; closes all it has opened."""

    def __call__(
        self, provider: LocalProvider, way: str, question: str, *, leave: bool, retries: int
    ) -> object:
        """``way`` is one of the framework's; ``leave``: stop reading the stream after a little."""
        ...


@dataclass(frozen=True, kw_only=True)
class Framework:
    """One framework, or one of the ways in which it calls models."""

    name: str
    """Of its integration."""
    module: str
    """What is imported."""
    run: Run
    above: Mapping[str, str]
    """Way (sync, async, stream, async stream) → path of the spans above the model's call."""
    variant: str = ""
    """Tells two of one framework apart."""
    tool_ways: Sequence[str] = ()
    """Ways in which its agent uses tools."""
    leave_ways: Sequence[str] = ()
    """Ways in which an app reads a stream, and can leave it."""
    cancel: Callable[[LocalProvider], Any] | None = None
    """Provider → a coroutine that asks, to be cancelled; None: it has no async way."""
    alone: Callable[[str], object] | None = None
    """Asks an agent, or a chain, whose model has no SDK behind it; None: there is no model."""
    tool_reply: Reply | None = None
    """What makes it use its tool, asked for Rome's weather; None: as a model calls functions."""
    last_reply: Reply = _LAST
    """How its model ends."""
    asks_model: bool = True
    """Whether there is a model at all; MCP calls tools on a server, and no model."""

    @property
    def id(self) -> str:
        """Name in test ids."""
        return f"{self.name}-{self.variant}" if self.variant else self.name

    @property
    def is_wanted(self) -> bool:
        """Whether it is installed, and this run is about it."""
        only = os.environ.get("CONTRACT_SDKS", "")
        if only and self.name not in only.split(","):
            return False
        return importlib.util.find_spec(self.module) is not None

    def expected(self, way: str, *, turns: int = 1, tools: int = 0) -> list[str]:
        """Return the paths of all spans of a run, sorted."""
        steps = self.above[way].split(" > ") if self.above[way] else []
        above = [" > ".join(steps[: number + 1]) for number in range(len(steps))]
        below = [CALL] * turns * self.asks_model + [TOOL] * tools
        return sorted([*above, *(" > ".join([*steps, name]) for name in below)])

    def calls_tool(self, city: str = "Rome") -> tuple[Reply, ...]:
        """Return the replies that make it use its tool once, and then end."""
        call = ToolCall(name="weather", arguments=f'{{"city": "{city}"}}')
        asks = self.tool_reply or Reply(answer=Answer(tool_calls=(call,)))
        return (asks, self.last_reply)


def weather(city: str) -> str:
    """Tell the weather."""
    return f"Sunny in {city}."


def discovered() -> tuple[Framework, ...]:
    """Return the frameworks of every ``frameworks_*`` module of this folder that are wanted."""
    found: list[Framework] = []
    for module in sorted(pkgutil.iter_modules(contract.__path__), key=lambda item: item.name):
        if module.name.startswith("frameworks_"):
            loaded = importlib.import_module(f"{contract.__name__}.{module.name}")
            found += loaded.FRAMEWORKS
    return tuple(item for item in found if item.is_wanted)
