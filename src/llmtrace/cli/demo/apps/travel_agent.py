"""An agent with tools, asynchronous: embeds the wish, plans with OpenAI, calls tools, answers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import openai

import llmtrace
from llmtrace.cli.demo.apps.ledger import Ledger, rounds

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

llmtrace.instrument(service_name="travel-agent", environment="demo")

MODEL = "gpt-5-mini"
EMBEDDER = "text-embedding-3-small"
# Asked for once in a while by mistake, as happens after a rename: a 404 for the error page.
RETIRED_MODEL = "gpt-nonexistent"
TOOLS: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": "find_trains",
            "description": "Find trains between two cities.",
            "parameters": {
                "type": "object",
                "properties": {"origin": {"type": "string"}, "destination": {"type": "string"}},
                "required": ["origin", "destination"],
                "additionalProperties": False,
            },
        },
    }
]
TRIPS = ("Vienna to Prague", "Paris to Lyon", "Oslo to Bergen", "Rome to Naples")
TRAVELLERS = (("gil", "initech"), ("hana", "acme"))

ledger = Ledger("travel-agent")


@llmtrace.trace("find_trains", operation="execute_tool")
def find_trains(arguments: str) -> str:
    """Look trains up; a real app would ask a timetable here."""
    return json.dumps({"asked": arguments, "trains": [{"leaves": "08:15", "takes": "4 h 10 min"}]})


async def plan(client: openai.AsyncOpenAI, trip: str, model: str, user: str) -> None:
    """Run the agent until it answers instead of calling a tool."""
    embedded = await client.embeddings.create(model=EMBEDDER, input=trip)
    ledger.note(EMBEDDER, embedded.usage, user=user)
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": f"Plan my trip: {trip}, tomorrow morning."}
    ]
    for _ in range(3):
        answer = await client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
        ledger.note(model, answer.usage, user=user)
        message = answer.choices[0].message
        if not message.tool_calls:
            return
        messages.append(message.model_dump(exclude_none=True))  # pyright: ignore[reportArgumentType]  # the SDK takes its own message back
        for call in message.tool_calls:
            if call.type == "function":
                result = find_trains(call.function.arguments)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


async def main() -> None:
    """Serve two travellers in turn."""
    async with openai.AsyncOpenAI() as client:
        for number in rounds():
            user, tenant = TRAVELLERS[number % len(TRAVELLERS)]
            model = RETIRED_MODEL if number % 7 == 3 else MODEL
            with (
                llmtrace.attribute(user=user, tenant=tenant, feature="travel", session=f"t-{user}"),
                llmtrace.trace("plan trip", operation="invoke_agent"),
            ):
                try:
                    await plan(client, TRIPS[number % len(TRIPS)], model, user)
                except openai.APIError as error:
                    ledger.note(model, None, user=user, error=type(error).__name__)


if __name__ == "__main__":
    asyncio.run(main())
