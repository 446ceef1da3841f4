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
    Model,
    ModelResponse,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    Usage,
    function_tool,
    set_trace_processors,
    set_tracing_disabled,
)
from agents.tracing import get_trace_provider
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseUsage,
)
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails
from opentelemetry import context

import llmtrace
from llmtrace.testing.provider import Answer, Reply, ToolCall
from tests.instrument.integrations.trees import counted, named, paths

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

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


class Silent(Model):
    """A model that no SDK is behind."""

    def _message(self) -> Any:
        text = ResponseOutputText(annotations=[], text="From nobody's SDK.", type="output_text")
        return ResponseOutputMessage(
            id="m", content=[text], role="assistant", status="completed", type="message"
        )

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        usage = Usage(requests=1, input_tokens=100, output_tokens=20, total_tokens=120)
        return ModelResponse(output=[self._message()], usage=usage, response_id="r1")

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        usage = ResponseUsage(
            input_tokens=100,
            input_tokens_details=InputTokensDetails(cached_tokens=40, cache_write_tokens=0),
            output_tokens=20,
            output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
            total_tokens=120,
        )
        response = Response(
            id="r1", created_at=0, model="m", object="response", output=[self._message()],
            parallel_tool_calls=False, tool_choice="auto", tools=[], usage=usage,
        )  # fmt: skip
        yield ResponseCompletedEvent(
            response=response, sequence_number=0, type="response.completed"
        )


@pytest.fixture(autouse=True)
def no_exporter() -> Iterator[None]:
    """Send nothing to the SDK's own backend, and leave the caller's context as it was."""
    set_trace_processors([])
    before = context.get_current()
    yield
    assert context.get_current() is before
    set_tracing_disabled(False)


@pytest.mark.parametrize("model", MODELS)
def test_an_agent_is_two_model_turns_and_its_tool(
    model: Any, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(asks_for_weather("Rome"))

    Runner.run_sync(agent_of(provider, model), "Weather?")

    spans = recorded.spans()
    assert paths(spans) == [
        FLOW,
        AGENT,
        f"{AGENT} > {CHAT}",
        f"{AGENT} > execute_tool weather",
        f"{AGENT} > {CHAT}",
    ]
    assert len(counted(spans)) == 2
    told = named(spans, "execute_tool weather")["attributes"]
    assert told["gen_ai.tool.call.arguments"] == '{"city": "Rome"}'
    assert told["gen_ai.tool.call.result"] == "Sunny in Rome."


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


def test_a_cancelled_run_leaves_one_failed_call(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(delay_s=30))

    async def later() -> None:
        running = asyncio.create_task(Runner.run(agent_of(provider), "Weather?"))
        while not provider.requests:  # noqa: ASYNC110  # the provider is in another thread
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(later())

    (call,) = counted(recorded.spans())
    assert call["attributes"]["error.type"] == "asyncio.CancelledError"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_model_that_no_sdk_is_behind_is_counted_once(
    is_streamed: bool, recorded: Recorded
) -> None:
    agent = Agent(name="helper", model=Silent())

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
    Runner.run_sync(Agent(name="helper", model=Silent()), "Weather?")

    assert [span["name"] for span in recorded.spans()] == [CHAT, CHAT, "chat"]


def test_the_sdks_own_processors_are_left_alone(
    provider: LocalProvider, recorded: Recorded
) -> None:
    Runner.run_sync(agent_of(provider), "Hello")

    processor: Any = get_trace_provider()
    assert processor._multi_processor._processors == ()


def test_after_uninstrument_nothing_is_recorded(
    provider: LocalProvider, tmp_path: Path, recorded: Recorded
) -> None:
    llmtrace.uninstrument()
    Runner.run_sync(agent_of(provider), "Hello")
    assert recorded.spans() == []

    llmtrace.instrument(home=tmp_path)
    Runner.run_sync(agent_of(provider), "Hello")
    assert paths(recorded.spans())[:3] == [FLOW, AGENT, f"{AGENT} > {CHAT}"]


@pytest.mark.parametrize("setting", [{"sample_ratio": 0}, {"capture_content": "none"}])
def test_not_sampled_and_without_content(
    setting: Any, provider: LocalProvider, tmp_path: Path, recorded: Recorded
) -> None:
    llmtrace.instrument(home=tmp_path, **setting)
    provider.enqueue(asks_for_weather("Reykjavik"))

    Runner.run_sync(agent_of(provider), "Weather?")

    assert len(recorded.spans()) == (0 if "sample_ratio" in setting else 5)
    assert b"Reykjavik" not in recorded.everything()
