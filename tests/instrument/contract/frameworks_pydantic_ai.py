"""pydantic-ai under contract, above the openai SDK's chat and its responses."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from tests.instrument.contract.frameworks import MODEL, Framework, weather

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider


def _client(provider: LocalProvider, retries: int = 0) -> Any:
    import openai

    return openai.AsyncOpenAI(base_url=provider.openai_url, api_key="any", max_retries=retries)


def _agent_of(client: Any, kind: str) -> Any:
    from pydantic_ai import Agent
    from pydantic_ai.providers.openai import OpenAIProvider

    models = importlib.import_module("pydantic_ai.models.openai")
    model = getattr(models, kind)(MODEL, provider=OpenAIProvider(openai_client=client))
    return Agent(model, name="helper", tools=[weather])


def _alone(question: str) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.models.test import TestModel

    model = TestModel(custom_output_text="From nobody's SDK.")
    asyncio.run(Agent(model, name="helper").run(question))


def _framework(kind: str, variant: str) -> Framework:
    def run(
        provider: LocalProvider, way: str, question: str, *, leave: bool = False, retries: int = 0
    ) -> None:
        with asyncio.Runner() as runner:
            if way in {"async", "async stream"}:
                runner.run(later(provider, way, question, leave=leave, retries=retries))
                return
            asyncio.set_event_loop(runner.get_loop())  # the one that run_sync takes
            client = _client(provider, retries)
            try:
                agent = _agent_of(client, kind)
                if way == "sync":
                    agent.run_sync(question)
                else:
                    list(agent.run_stream_sync(question).stream_text())
            finally:
                runner.run(client.close())

    async def later(
        provider: LocalProvider, way: str, question: str, *, leave: bool = False, retries: int = 0
    ) -> None:
        async with _client(provider, retries) as client:
            agent = _agent_of(client, kind)
            if way == "async":
                await agent.run(question)
                return
            async with agent.run_stream(question) as stream:
                async for _ in stream.stream_text():
                    if leave:
                        break

    return Framework(
        name="pydantic_ai",
        variant=variant,
        module="pydantic_ai",
        run=run,
        above=dict.fromkeys(("sync", "async", "stream", "async stream"), "invoke_agent helper"),
        tool_ways=("sync", "async", "stream", "async stream"),
        leave_ways=("async stream",),
        cancel=lambda provider: later(provider, "async", "Where?"),
        alone=_alone,
    )


FRAMEWORKS = (
    _framework("OpenAIChatModel", "chat"),
    _framework("OpenAIResponsesModel", "responses"),
)
