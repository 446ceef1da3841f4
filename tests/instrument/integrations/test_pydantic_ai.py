"""pydantic-ai above real SDKs, with and without its own instrumentation: one count, one tree."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent, InstrumentationSettings
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

import llmtrace
from llmtrace.otlp.encode import FinishedSpan, encode_request
from llmtrace.spool import SegmentWriter
from llmtrace.store import open_store
from llmtrace.testing.provider import Answer, Reply, ToolCall
from tests.instrument.integrations.trees import counted, named, paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

CHAT = "chat gpt-4o-mini"
AGENT = "invoke_agent helper"
MODELS = [OpenAIChatModel, OpenAIResponsesModel]


def asks_for_weather(*cities: str) -> Reply:
    calls = (ToolCall(name="weather", arguments=f'{{"city": "{city}"}}') for city in cities)
    return Reply(answer=Answer(tool_calls=tuple(calls)))


def agent_of(model: Any, **more: Any) -> Agent[Any, str]:
    agent = Agent(model, name="helper", **more)

    @agent.tool_plain
    def weather(city: str) -> str:
        """Tell the weather."""
        if city == "Atlantis":
            raise LookupError(city)
        return f"Sunny in {city}."

    return agent


def openai_model(provider: LocalProvider, kind: Any = OpenAIChatModel) -> Any:
    return kind("gpt-4o-mini", provider=OpenAIProvider(base_url=provider.openai_url, api_key="any"))


@pytest.fixture(autouse=True)
def nothing_left_attached() -> Iterator[None]:
    before = context.get_current()
    yield
    assert context.get_current() is before
    Agent.instrument_all(False)


@pytest.mark.parametrize("kind", MODELS)
def test_an_agent_is_two_model_turns_and_its_tool(
    kind: Any, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(asks_for_weather("Rome"))

    agent_of(openai_model(provider, kind)).run_sync("Weather?", conversation_id="thread-1")

    spans = recorded.spans()
    assert paths(spans) == [
        AGENT,
        f"{AGENT} > {CHAT}",
        f"{AGENT} > execute_tool weather",
        f"{AGENT} > {CHAT}",
    ]
    assert len(counted(spans)) == 2
    assert {span["attributes"]["gen_ai.conversation.id"] for span in spans} == {"thread-1"}
    told = named(spans, "execute_tool weather")["attributes"]
    assert told["gen_ai.tool.call.id"].startswith("call_")
    assert told["gen_ai.tool.call.result"] == "Sunny in Rome."


@pytest.mark.parametrize("kind", MODELS)
def test_a_streamed_agent_with_parallel_tools(
    kind: Any, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(asks_for_weather("Rome", "Oslo"))

    async def later() -> None:
        async with agent_of(openai_model(provider, kind)).run_stream("Weather?") as stream:
            _ = [part async for part in stream.stream_text()]

    asyncio.run(later())

    spans = recorded.spans()
    tools = [f"{AGENT} > execute_tool weather"] * 2
    assert sorted(paths(spans)) == [AGENT, *[f"{AGENT} > {CHAT}"] * 2, *tools]
    assert len(counted(spans)) == 2


def test_anthropics_own_span_is_not_a_second_one(
    provider: LocalProvider, recorded: Recorded
) -> None:
    own = AnthropicProvider(base_url=provider.anthropic_url, api_key="any")

    Agent(AnthropicModel("claude-haiku-4-5", provider=own), name="helper").run_sync("Hello")

    assert paths(recorded.spans()) == [AGENT, f"{AGENT} > chat claude-haiku-4-5"]


def test_an_error_in_a_tool_is_told_on_the_tool_and_the_agent(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(asks_for_weather("Atlantis"))

    with pytest.raises(LookupError):
        agent_of(openai_model(provider)).run_sync("Weather?")

    spans = recorded.spans()
    assert [
        span["attributes"].get("error.type") for span in spans if span not in counted(spans)
    ] == [
        "LookupError",
        "LookupError",
    ]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_model_that_no_sdk_is_behind_is_counted_once_a_turn(
    is_streamed: bool, recorded: Recorded
) -> None:
    agent = agent_of(TestModel(custom_output_text="From nobody's SDK."))

    async def later() -> None:
        async with agent.run_stream("Weather?") as stream:
            _ = [part async for part in stream.stream_text()]

    if is_streamed:
        asyncio.run(later())
    else:
        agent.run_sync("Weather?")

    spans = recorded.spans()
    assert paths(spans) == [
        AGENT,
        f"{AGENT} > chat test",
        f"{AGENT} > execute_tool weather",
        f"{AGENT} > chat test",
    ]
    first, last = (span["attributes"] for span in counted(spans))
    assert first["gen_ai.usage.input_tokens"] > 0
    assert first["llmtrace.usage.source"] == "provider"
    assert "From nobody" in last["llmtrace.response.body"]


def foreign_spans_sent_here(exporter: InMemorySpanExporter, home: Path) -> None:
    """Send what the app's provider exported to our store, as an OTLP exporter would."""
    spans = [
        FinishedSpan(
            trace_id=span.context.trace_id,
            span_id=span.context.span_id,
            parent_span_id=span.parent.span_id if span.parent else None,
            name=span.name,
            kind="internal",
            start_unix_ns=span.start_time or 0,
            end_unix_ns=span.end_time or 0,
            attributes=dict(span.attributes or {}),
        )
        for span in exporter.get_finished_spans()
        if span.context is not None
    ]
    writer = SegmentWriter(home / "spool", now_ns=time.time_ns, pid=os.getpid())
    writer.append(encode_request({"service.name": "app"}, "theirs", "1", spans))
    writer.close()


@pytest.mark.parametrize("is_global", [True, False])
def test_beside_the_frameworks_own_instrumentation_each_call_is_stored_and_counted_once(
    is_global: bool,
    provider: LocalProvider,
    tmp_path: Path,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter = InMemorySpanExporter()
    theirs = TracerProvider()
    theirs.add_span_processor(SimpleSpanProcessor(exporter))
    if is_global:
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", theirs)
    Agent.instrument_all(InstrumentationSettings(tracer_provider=theirs))
    provider.enqueue(asks_for_weather("Rome"))

    agent_of(openai_model(provider)).run_sync("Weather?")
    assert llmtrace.flush(10)
    llmtrace.uninstrument()
    told = [
        span
        for span in exporter.get_finished_spans()
        if "operation.cost" in (span.attributes or {})
    ]
    foreign_spans_sent_here(exporter, tmp_path)

    assert len(told) == 2
    assert all((span.attributes or {})["llmtrace.counted_below"] is True for span in told)
    with open_store(tmp_path) as store:
        calls = store.sql("select sdk, cost_usd, input_tokens from llm_calls").to_pylist()
        (stored,) = store.sql("select llm_calls, input_tokens, cost_usd from traces").to_pylist()
    assert len(calls) == 2
    assert all(call["sdk"].startswith("openai ") for call in calls)
    assert stored["llm_calls"] == 2
    assert stored["input_tokens"] == sum(call["input_tokens"] for call in calls)
    assert stored["cost_usd"] == sum(call["cost_usd"] for call in calls)
    theirs.shutdown()
