"""LlamaIndex: agents, engines, retrievals, tools as a tree; models of every kind counted once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import openai
import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.embeddings.mock_embed_model import MockEmbedding
from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.llms.mock import MockFunctionCallingLLM, MockLLM
from llama_index.core.tools import FunctionTool
from opentelemetry import context

import llmtrace
from tests.instrument.integrations.trees import counted, named, paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

# Its own code calls what pydantic has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CHAT = "chat gpt-4o-mini"
AGENT = "invoke_agent helper"
ENGINE = "invoke_workflow RetrieverQueryEngine"


class OverOpenAI(CustomLLM):
    """A model class of the app's own, above the real SDK."""

    url: str

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="own")

    def _ask(self, prompt: str, **more: Any) -> Any:
        client = openai.OpenAI(base_url=self.url, api_key="any", max_retries=0)
        messages: Any = [{"role": "user", "content": prompt}]
        return client.chat.completions.create(model="gpt-4o-mini", messages=messages, **more)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:  # noqa: FBT002  # theirs
        answer = self._ask(prompt)
        return CompletionResponse(text=answer.choices[0].message.content, raw=answer)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> Any:  # noqa: FBT002  # theirs
        def pieces() -> Iterator[CompletionResponse]:
            text = ""
            for chunk in self._ask(prompt, stream=True):
                text += chunk.choices[0].delta.content or "" if chunk.choices else ""
                yield CompletionResponse(text=text)

        return pieces()


class WithUsage(CustomLLM):
    """A model that no SDK is behind, and that tells its tokens."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="own")

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:  # noqa: FBT002  # theirs
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        raw = {"id": "r1", "model": "llama-9", "usage": usage}
        return CompletionResponse(text="From nobody's SDK.", raw=raw)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> Any:  # noqa: FBT002  # theirs
        yield self.complete(prompt)


def weather(city: str = "Rome") -> str:
    """Tell the weather."""
    return f"Sunny in {city}."


def broken() -> str:
    """Fail."""
    raise LookupError("Atlantis")


def agent_of(*functions: Any) -> FunctionAgent:
    tools = [FunctionTool.from_defaults(function) for function in functions]
    return FunctionAgent(tools=tools, llm=MockFunctionCallingLLM(), name="helper")


def run(agent: FunctionAgent) -> None:
    async def later() -> None:
        await agent.run("Weather?")

    asyncio.run(later())


def index() -> VectorStoreIndex:
    documents = [Document(text="Found.")]
    return VectorStoreIndex.from_documents(documents, embed_model=MockEmbedding(embed_dim=3))


@pytest.fixture(autouse=True)
def nothing_left_attached() -> Iterator[None]:
    before = context.get_current()
    yield
    assert context.get_current() is before


def test_an_agent_is_two_model_turns_and_its_tool(recorded: Recorded) -> None:
    run(agent_of(weather))

    spans = recorded.spans()
    assert paths(spans) == [
        AGENT,
        f"{AGENT} > chat",
        f"{AGENT} > execute_tool weather",
        f"{AGENT} > chat",
    ]
    told = named(spans, "execute_tool weather")["attributes"]
    assert told["gen_ai.tool.call.id"]
    assert told["gen_ai.tool.call.result"] == "Sunny in Rome."


def test_tools_in_parallel_are_siblings(recorded: Recorded) -> None:
    def time() -> str:
        """Tell the time."""
        return "Noon."

    run(agent_of(weather, time))

    assert sorted(paths(recorded.spans())) == [
        AGENT,
        *[f"{AGENT} > chat"] * 2,
        f"{AGENT} > execute_tool time",
        f"{AGENT} > execute_tool weather",
    ]


def test_an_error_in_a_tool_is_told_on_the_tool(recorded: Recorded) -> None:
    run(agent_of(broken))

    span = named(recorded.spans(), "execute_tool broken")
    assert (span["status"], span["attributes"]["error.type"]) == ("error", "LookupError")


def test_a_query_is_a_retrieval_and_a_call(provider: LocalProvider, recorded: Recorded) -> None:
    index().as_query_engine(llm=OverOpenAI(url=provider.openai_url)).query("Where?")

    spans = recorded.spans()
    retrieval = f"{ENGINE} > retrieval VectorIndexRetriever"
    assert paths(spans) == [ENGINE, retrieval, f"{ENGINE} > {CHAT}"]
    told = named(spans, "retrieval VectorIndexRetriever")["attributes"]
    assert told["gen_ai.retrieval.query.text"] == "Where?"
    assert '"Found."' in told["gen_ai.retrieval.documents"]


def test_a_stream_above_an_sdk_is_counted_by_the_sdk_alone(
    provider: LocalProvider, recorded: Recorded
) -> None:
    before = context.get_current()
    with llmtrace.trace("work"):
        inside = context.get_current()
        for _ in OverOpenAI(url=provider.openai_url).stream_complete("Hello"):
            assert context.get_current() is inside

    assert context.get_current() is before
    assert paths(recorded.spans()) == ["work", f"work > {CHAT}"]


@pytest.mark.parametrize("how", ["complete", "stream", "chat", "achat", "left"])
def test_a_model_that_no_sdk_is_behind_is_counted_once(how: str, recorded: Recorded) -> None:
    from llama_index.core.llms import ChatMessage

    model = WithUsage()
    if how == "complete":
        model.complete("Q")
    elif how == "chat":
        model.chat([ChatMessage("Q")])
    elif how == "achat":
        asyncio.run(model.achat([ChatMessage("Q")]))
    else:
        stream = model.stream_complete("Q")
        next(stream)
        if how == "stream":
            list(stream)
        stream.close()

    (call,) = counted(recorded.spans())
    told = call["attributes"]
    assert told["gen_ai.request.model"] == "own"
    assert told["gen_ai.response.model"] == "llama-9"
    assert told["gen_ai.usage.input_tokens"] == 100
    assert "From nobody" in told["llmtrace.response.body"]


def test_a_model_that_tells_no_tokens_is_one_call_of_unknown_tokens(recorded: Recorded) -> None:
    MockLLM().complete("Q")

    told = recorded.attributes()
    assert "gen_ai.usage.input_tokens" not in told
    assert told["llmtrace.cost.source"] == "unpriced"


def test_after_uninstrument_the_framework_is_as_it_was(tmp_path: Path, recorded: Recorded) -> None:
    from llama_index.core.base.llms.base import BaseLLM
    from llama_index_instrumentation import get_dispatcher

    llmtrace.uninstrument()
    run(agent_of(weather))
    WithUsage().complete("Q")

    assert recorded.spans() == []
    assert "__init_subclass__" not in vars(BaseLLM)
    handlers = [each.class_name() for each in get_dispatcher().span_handlers]
    assert "LlmtraceSpanHandler" not in handlers
    llmtrace.instrument(home=tmp_path)
    WithUsage().complete("Q")
    assert len(recorded.spans()) == 1
