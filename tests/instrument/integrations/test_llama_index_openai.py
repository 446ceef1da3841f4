"""LlamaIndex' own OpenAI class above the real SDK; where it can be installed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.testing.provider import Answer, Reply, ToolCall
from tests.instrument.integrations.trees import counted, paths

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

theirs: Any = pytest.importorskip("llama_index.llms.openai", reason="needs openai 2")

# Its own code calls what pydantic has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CHAT = "chat gpt-4o-mini"
AGENT = "invoke_agent helper"


def model(provider: LocalProvider) -> Any:
    return theirs.OpenAI(model="gpt-4o-mini", api_base=provider.openai_url, api_key="any")


def test_an_agent_is_two_model_turns_and_its_tool(
    provider: LocalProvider, recorded: Recorded
) -> None:
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.core.tools import FunctionTool

    def weather(city: str) -> str:
        """Tell the weather."""
        return f"Sunny in {city}."

    call = ToolCall(name="weather", arguments=json.dumps({"city": "Rome"}))
    provider.enqueue(Reply(answer=Answer(tool_calls=(call,))))
    tools = [FunctionTool.from_defaults(weather)]

    async def later() -> None:
        await FunctionAgent(tools=tools, llm=model(provider), name="helper").run("Weather?")

    asyncio.run(later())

    spans = recorded.spans()
    assert paths(spans) == [
        AGENT,
        f"{AGENT} > {CHAT}",
        f"{AGENT} > execute_tool weather",
        f"{AGENT} > {CHAT}",
    ]
    assert len(counted(spans)) == 2


@pytest.mark.parametrize("how", ["complete", "stream_complete", "acomplete", "astream_complete"])
def test_each_way_to_call_is_one_counted_span(
    how: str, provider: LocalProvider, recorded: Recorded
) -> None:
    async def later() -> None:
        found = await getattr(model(provider), how)("Hello")
        if how == "astream_complete":
            _ = [piece async for piece in found]

    if how.startswith("a"):
        asyncio.run(later())
    else:
        found = getattr(model(provider), how)("Hello")
        if how == "stream_complete":
            list(found)

    assert [span["name"] for span in recorded.spans()] == [CHAT]
