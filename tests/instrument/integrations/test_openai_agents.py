"""The agents SDK above the real openai SDK: agents, tools, handoffs, guardrails; calls once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import openai
import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailTripwireTriggered,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    function_tool,
    set_trace_processors,
    set_tracing_disabled,
)
from agents.tracing import get_trace_provider
from opentelemetry import context

from llmtrace.testing.provider import Answer, Reply, ToolCall
from tests.instrument.contract.frameworks_openai_agents import silent
from tests.instrument.integrations.trees import counted, named, paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

CHAT = "chat gpt-4o-mini"
FLOW = "invoke_workflow Agent workflow"
AGENT = f"{FLOW} > invoke_agent helper"
MODELS = [OpenAIChatCompletionsModel, OpenAIResponsesModel]


@function_tool
def weather(city: str) -> str:
    """Tell the weather."""
    if city == "Atlantis":
        raise LookupError(city)
    return f"Sunny in {city}."


def asks_for_weather(*cities: str) -> Reply:
    calls = (ToolCall(name="weather", arguments=f'{{"city": "{city}"}}') for city in cities)
    return Reply(answer=Answer(tool_calls=tuple(calls)))


def agent_of(provider: LocalProvider, model: Any = OpenAIResponsesModel, **more: Any) -> Agent[Any]:
    client = openai.AsyncOpenAI(base_url=provider.openai_url, api_key="any", max_retries=0)
    return Agent(name="helper", model=model("gpt-4o-mini", client), tools=[weather], **more)


async def streamed(agent: Agent[Any]) -> None:
    async for _ in Runner.run_streamed(agent, "Weather?").stream_events():
        pass


@pytest.fixture(autouse=True)
def no_exporter() -> Iterator[None]:
    """Send nothing to the SDK's own backend, and leave the caller's context as it was."""
    set_trace_processors([])
    before = context.get_current()
    yield
    assert context.get_current() is before
    set_tracing_disabled(False)


@pytest.mark.parametrize("model", MODELS)
def test_a_streamed_agent_with_parallel_tools(
    model: Any, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(asks_for_weather("Rome", "Oslo"))

    asyncio.run(streamed(agent_of(provider, model)))

    spans = recorded.spans()
    assert sorted(paths(spans)) == sorted(
        [FLOW, AGENT, *[f"{AGENT} > {CHAT}"] * 2, *[f"{AGENT} > execute_tool weather"] * 2]
    )
    assert len(counted(spans)) == 2


def test_a_handoff_is_between_two_agents(provider: LocalProvider, recorded: Recorded) -> None:
    other = agent_of(provider)
    other.name = "other"
    call = ToolCall(name="transfer_to_other", arguments="{}")
    provider.enqueue(Reply(answer=Answer(tool_calls=(call,))))

    Runner.run_sync(agent_of(provider, handoffs=[other]), "Weather?")

    spans = recorded.spans()
    assert paths(spans) == [
        FLOW,
        AGENT,
        f"{AGENT} > {CHAT}",
        f"{AGENT} > handoff other",
        f"{FLOW} > invoke_agent other",
        f"{FLOW} > invoke_agent other > {CHAT}",
    ]


def test_a_guardrail_says_whether_it_was_triggered(
    provider: LocalProvider, recorded: Recorded
) -> None:
    async def strict(ctx: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    agent = agent_of(provider, input_guardrails=[InputGuardrail(guardrail_function=strict)])
    with pytest.raises(InputGuardrailTripwireTriggered):
        Runner.run_sync(agent, "Weather?")

    told = named(recorded.spans(), "guardrail strict")["attributes"]
    assert told["llmtrace.guardrail.triggered"] is True


def test_an_error_in_a_tool_is_told_on_the_tool(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(asks_for_weather("Atlantis"))

    Runner.run_sync(agent_of(provider), "Weather?")

    span = named(recorded.spans(), "execute_tool weather")
    assert (span["status"], span["attributes"]["error.type"]) == ("error", "function_error")


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_model_that_no_sdk_is_behind_is_counted_once(
    is_streamed: bool, recorded: Recorded
) -> None:
    agent = Agent(name="helper", model=silent())

    if is_streamed:
        asyncio.run(streamed(agent))
    else:
        Runner.run_sync(agent, "Weather?")

    (call,) = counted(recorded.spans())
    assert paths(recorded.spans())[-1] == f"{AGENT} > chat"
    assert call["attributes"]["gen_ai.usage.input_tokens"] == 100
    assert call["attributes"]["gen_ai.response.id"] == "r1"
    assert "From nobody" in call["attributes"]["llmtrace.response.body"]


def test_the_group_of_runs_is_the_session(provider: LocalProvider, recorded: Recorded) -> None:
    Runner.run_sync(agent_of(provider), "Hello", run_config=RunConfig(group_id="thread-1"))

    sessions = {span["attributes"]["gen_ai.conversation.id"] for span in recorded.spans()}
    assert sessions == {"thread-1"}


def test_with_tracing_disabled_calls_are_counted_without_structure(
    provider: LocalProvider, recorded: Recorded
) -> None:
    set_tracing_disabled(True)
    provider.enqueue(asks_for_weather("Rome"))

    Runner.run_sync(agent_of(provider), "Weather?")
    Runner.run_sync(Agent(name="helper", model=silent()), "Weather?")

    assert [span["name"] for span in recorded.spans()] == [CHAT, CHAT, "chat"]


def test_the_sdks_own_processors_are_left_alone(
    provider: LocalProvider, recorded: Recorded
) -> None:
    Runner.run_sync(agent_of(provider), "Hello")

    processor: Any = get_trace_provider()
    assert processor._multi_processor._processors == ()
