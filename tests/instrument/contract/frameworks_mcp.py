"""MCP's client under contract: it calls tools of a server, and no model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.instrument.contract.frameworks import Framework, weather

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider


def _run(
    provider: LocalProvider, way: str, question: str, *, leave: bool = False, retries: int = 0
) -> None:
    from mcp.client.client import Client
    from mcp.server.mcpserver import MCPServer

    del provider, way, leave, retries
    server = MCPServer("forecasts")
    server.tool()(weather)

    async def later() -> None:
        async with Client(server) as client:
            await client.call_tool("weather", {"city": question})

    asyncio.run(later())


FRAMEWORKS = (
    Framework(
        name="mcp",
        module="mcp",
        run=_run,
        above={"async": ""},
        tool_ways=("async",),
        asks_model=False,
    ),
)
