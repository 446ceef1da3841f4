"""What llmtrace adds to one step of a framework, in function calls: reported, not held to a limit.

A framework tells of chains, agents and tools, each a span of its own; what is added grows with
them, so that no one number could be a limit. Counted on the calling thread: without llmtrace, with
the SDK's integration alone, and with the framework's too. The real frameworks call the real openai
SDK, which calls the local provider. Run as a process of its own:
``python -m benchmarks.measuring.frameworks``. A framework that is not installed is left out.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.measuring.peers import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[], object]

_RUNS: Final = 7
_MODEL: Final = "gpt-4o-mini"
_SDKS: Final = ("openai", "anthropic")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step of a framework takes."""

    name: str
    calls: int
    """Function calls without llmtrace."""
    by_sdk: int
    """Added with the SDK's integration alone."""
    by_framework: int
    """Added on top of that by the framework's."""


def measured() -> list[Step]:
    """Return what is added to each framework's step; measured in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.measuring.frameworks"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT,
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return [Step(**step) for step in json.loads(done.stdout)]


def main() -> None:
    """Count and print as JSON."""
    import llmtrace  # noqa: PLC0415  # in the process that measures only
    from llmtrace.testing.provider import LocalProvider  # noqa: PLC0415  # as above

    warnings.simplefilter("ignore")
    logging.disable()
    os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "0"
    found: list[dict[str, Any]] = []
    with (
        LocalProvider() as provider,
        asyncio.Runner() as runner,
        tempfile.TemporaryDirectory() as home,
    ):
        for name, make in _MADE.items():
            try:
                call = make(provider.openai_url, runner)
            except ImportError:
                continue
            bare = _least(call)
            llmtrace.instrument(*_SDKS, home=home)
            with_sdk = _least(call)
            llmtrace.instrument(home=home)
            with_all = _least(call)
            llmtrace.uninstrument()
            found.append({
                "name": name, "calls": bare, "by_sdk": with_sdk - bare,
                "by_framework": with_all - with_sdk,
            })  # fmt: skip
    sys.stdout.write(json.dumps(found))


def _least(call: Call) -> int:
    """Return the fewest calls of some runs: now and then a run wakes a thread up."""
    call()
    call()
    gc.collect()
    gc.disable()
    try:
        return min(_counted(call) for _ in range(_RUNS))
    finally:
        gc.enable()


def _counted(call: Call) -> int:
    entered = {"call": 0, "c_call": 0}

    def note(frame: Any, event: str, argument: Any) -> None:
        del frame, argument
        if event in entered:
            entered[event] += 1

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return sum(entered.values())


def _langchain_model(url: str, runner: asyncio.Runner) -> Call:
    from langchain_openai import ChatOpenAI  # noqa: PLC0415  # may not be installed

    del runner
    key: Any = "any"
    model = ChatOpenAI(model=_MODEL, base_url=url, api_key=key, max_retries=0)
    return lambda: model.invoke("Where is my parcel?")


def _langchain_chain(url: str, runner: asyncio.Runner) -> Call:
    from langchain_core.output_parsers import StrOutputParser  # noqa: PLC0415  # may not be installed
    from langchain_core.prompts import ChatPromptTemplate  # noqa: PLC0415  # as above
    from langchain_openai import ChatOpenAI  # noqa: PLC0415  # as above

    del runner
    key: Any = "any"
    model = ChatOpenAI(model=_MODEL, base_url=url, api_key=key, max_retries=0)
    chain = ChatPromptTemplate.from_messages([("user", "{text}")]) | model | StrOutputParser()
    return lambda: chain.invoke({"text": "Where is my parcel?"})


def _agents(url: str, runner: asyncio.Runner) -> Call:
    import openai  # noqa: PLC0415  # may not be installed
    from agents import (  # noqa: PLC0415  # as above
        Agent,
        OpenAIResponsesModel,
        Runner,
        set_trace_processors,
    )

    set_trace_processors([])  # its own would post what it traces
    client = openai.AsyncOpenAI(base_url=url, api_key="any", max_retries=0)
    agent: Any = Agent(name="helper", model=OpenAIResponsesModel(_MODEL, client))
    return lambda: runner.run(Runner.run(agent, "Where is my parcel?"))


def _pydantic_ai(url: str, runner: asyncio.Runner) -> Call:
    from pydantic_ai import Agent  # noqa: PLC0415  # may not be installed
    from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415  # as above
    from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415  # as above

    provider = OpenAIProvider(base_url=url, api_key="any")
    agent = Agent(OpenAIChatModel(_MODEL, provider=provider), name="helper")
    return lambda: runner.run(agent.run("Where is my parcel?"))


def _llama_index(url: str, runner: asyncio.Runner) -> Call:
    from llama_index.core.llms.mock import MockLLM  # noqa: PLC0415  # may not be installed

    del url, runner
    model = MockLLM()
    return lambda: model.complete("Where is my parcel?")


def _mcp(url: str, runner: asyncio.Runner) -> Call:
    from mcp.client.client import Client  # noqa: PLC0415  # may not be installed
    from mcp.server.mcpserver import MCPServer  # noqa: PLC0415  # as above

    del url
    server = MCPServer("forecasts")

    @server.tool()
    def weather(city: str) -> str:
        return f"Sunny in {city}."

    async def call() -> None:
        async with Client(server) as client:
            await client.call_tool("weather", {"city": "Rome"})

    del weather
    return lambda: runner.run(call())


_MADE: Final[dict[str, Callable[[str, asyncio.Runner], Call]]] = {
    "langchain: a model": _langchain_model,
    "langchain: prompt, model, parser": _langchain_chain,
    "openai-agents: an agent, one turn": _agents,
    "pydantic-ai: an agent, one turn": _pydantic_ai,
    "llama-index: a model without an SDK": _llama_index,
    "mcp: a session with one tool call": _mcp,
}


if __name__ == "__main__":
    main()
