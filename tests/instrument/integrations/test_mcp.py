"""Tools of a real MCP server in this process, called by a real client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mcp.client.client import Client
from mcp.server.mcpserver import MCPServer

import llmtrace
from llmtrace.instrument.integrations import frameworks, mcp
from tests.instrument.integrations.trees import named, paths

if TYPE_CHECKING:
    from tests.instrument.recording import Recorded


def server() -> Any:
    made = MCPServer("forecasts")

    @made.tool()
    def weather(city: str) -> str:
        """Tell the weather."""
        if city == "Atlantis":
            raise LookupError(city)
        return f"Sunny in {city}."

    return made


async def call(city: str) -> Any:
    async with Client(server()) as client:
        return await client.call_tool("weather", {"city": city})


def test_a_tool_call_is_one_span_that_names_the_server(recorded: Recorded) -> None:
    with llmtrace.trace("work"):
        asyncio.run(call("Rome"))

    spans = recorded.spans()
    assert paths(spans) == ["work", "work > execute_tool weather"]
    told = named(spans, "execute_tool weather")["attributes"]
    assert told["gen_ai.operation.name"] == "execute_tool"
    assert told["mcp.method.name"] == "tools/call"
    assert told["llmtrace.mcp.server"] == "forecasts"
    assert told["gen_ai.tool.call.arguments"] == '{"city": "Rome"}'
    assert "Sunny in Rome." in told["gen_ai.tool.call.result"]
    assert "gen_ai.usage.input_tokens" not in told


def test_an_error_that_the_server_tells_is_an_error(recorded: Recorded) -> None:
    asyncio.run(call("Atlantis"))

    span = recorded.span()
    assert (span["status"], span["attributes"]["error.type"]) == ("error", "tool_error")


def test_inside_a_frameworks_tool_of_that_name_there_is_one_span_and_it_learns_of_the_server(
    recorded: Recorded,
) -> None:
    tool = frameworks.open_structure(mcp.INTEGRATION, "execute_tool", "weather")
    assert tool is not None
    before = frameworks.enter(tool.context)
    asyncio.run(call("Rome"))
    frameworks.leave(before, tool.context)
    frameworks.close_structure(tool)

    assert recorded.attributes()["llmtrace.mcp.server"] == "forecasts"
