"""The agents SDK under contract, above the openai SDK's chat and its responses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.instrument.contract.frameworks import MODEL, Framework, weather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from llmtrace.testing.provider import LocalProvider

_ABOVE = "invoke_workflow Agent workflow > invoke_agent helper"


def _agent_of(client: Any, kind: str) -> Any:
    import agents

    agents.set_trace_processors([])  # send nothing to the SDK's own backend
    model = getattr(agents, kind)(MODEL, client)
    return agents.Agent(name="helper", model=model, tools=[agents.function_tool(weather)])


def _client(provider: LocalProvider, retries: int = 0) -> Any:
    import openai

    return openai.AsyncOpenAI(base_url=provider.openai_url, api_key="any", max_retries=retries)


def silent() -> Any:
    """Return a model that no SDK is behind, and that tells its tokens."""
    import agents
    from openai.types import responses
    from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

    text = responses.ResponseOutputText(
        annotations=[], text="From nobody's SDK.", type="output_text"
    )
    message = responses.ResponseOutputMessage(
        id="m", content=[text], role="assistant", status="completed", type="message"
    )

    class Silent(agents.Model):
        async def get_response(self, *args: Any, **kwargs: Any) -> agents.ModelResponse:
            usage = agents.Usage(requests=1, input_tokens=100, output_tokens=20, total_tokens=120)
            return agents.ModelResponse(output=[message], usage=usage, response_id="r1")

        async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            usage = responses.ResponseUsage(
                input_tokens=100,
                input_tokens_details=InputTokensDetails(cached_tokens=40, cache_write_tokens=0),
                output_tokens=20,
                output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
                total_tokens=120,
            )
            response = responses.Response(
                id="r1", created_at=0, model="m", object="response", output=[message],
                parallel_tool_calls=False, tool_choice="auto", tools=[], usage=usage,
            )  # fmt: skip
            yield responses.ResponseCompletedEvent(
                response=response, sequence_number=0, type="response.completed"
            )

    return Silent()


def _alone(question: str) -> None:
    import agents

    agents.set_trace_processors([])
    asyncio.run(agents.Runner.run(agents.Agent(name="helper", model=silent()), question))


def _is_text(event: Any) -> bool:
    """Tell whether the answer's text has begun: the first raw events only announce it."""
    if event.type != "raw_response_event":
        return False
    return event.data.type == "response.output_text.delta" and bool(event.data.delta)


def _framework(kind: str, variant: str) -> Framework:
    def run(
        provider: LocalProvider, way: str, question: str, *, leave: bool = False, retries: int = 0
    ) -> None:
        import agents

        with asyncio.Runner() as runner:
            if way != "sync":
                runner.run(later(provider, way, question, leave=leave, retries=retries))
                return
            asyncio.set_event_loop(runner.get_loop())  # the one that run_sync takes
            client = _client(provider, retries)
            try:
                agents.Runner.run_sync(_agent_of(client, kind), question)
            finally:
                runner.run(client.close())

    async def later(
        provider: LocalProvider, way: str, question: str, *, leave: bool = False, retries: int = 0
    ) -> None:
        import agents

        async with _client(provider, retries) as client:
            if way == "async":
                await agents.Runner.run(_agent_of(client, kind), question)
                return
            running = agents.Runner.run_streamed(_agent_of(client, kind), question)
            async for event in running.stream_events():
                if leave and _is_text(event):
                    running.cancel()
                    break

    return Framework(
        name="openai_agents",
        variant=variant,
        module="agents",
        run=run,
        above=dict.fromkeys(("sync", "async", "async stream"), _ABOVE),
        tool_ways=("sync", "async", "async stream"),
        leave_ways=("async stream",),
        cancel=lambda provider: later(provider, "async", "Where?"),
        alone=_alone,
    )


FRAMEWORKS = (
    _framework("OpenAIResponsesModel", "responses"),
    _framework("OpenAIChatCompletionsModel", "chat"),
)
