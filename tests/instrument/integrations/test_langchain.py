"""LangChain above real SDKs: the tree a person expects, and one counted span a billed call."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.caches import InMemoryCache
from langchain_core.documents import Document
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import FakeListLLM, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from opentelemetry import context

import llmtrace
from llmtrace.testing.provider import Answer, Reply, ToolCall
from tests.instrument.integrations.trees import counted, named, paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

CHAT = "chat gpt-4o-mini"
AGENT = "invoke_workflow agent"
USAGE: Any = {
    "input_tokens": 100,
    "output_tokens": 20,
    "total_tokens": 120,
    "input_token_details": {"cache_read": 40},
    "output_token_details": {"reasoning": 5},
}


def model(provider: LocalProvider, **more: Any) -> ChatOpenAI:
    key: Any = "any"
    return ChatOpenAI(
        model="gpt-4o-mini", base_url=provider.openai_url, api_key=key, max_retries=0, **more
    )


def fake(**more: Any) -> GenericFakeChatModel:
    return GenericFakeChatModel(
        messages=iter([AIMessage("From nobody's SDK.", usage_metadata=USAGE, **more)])
    )


def asks_for_weather(*cities: str) -> Reply:
    calls = (ToolCall(name="weather", arguments=f'{{"city": "{city}"}}') for city in cities)
    return Reply(answer=Answer(tool_calls=tuple(calls)))


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    if city == "Atlantis":
        raise LookupError(city)
    return f"Sunny in {city}; ask jane@example.com."


def agent_of(chat: Any) -> Any:
    """Return an agent: a model turn, its tools in parallel threads, a model turn."""
    with_tools = chat.bind_tools([weather])

    def agent(question: str) -> Any:
        asked = with_tools.invoke(question)
        results = weather.batch(asked.tool_calls)
        return with_tools.invoke([("user", question), asked, *results])

    return RunnableLambda(agent)


def async_agent_of(chat: Any) -> Any:
    with_tools = chat.bind_tools([weather])

    async def agent(question: str) -> Any:
        asked = await with_tools.ainvoke(question)
        results = await asyncio.gather(*(weather.ainvoke(call) for call in asked.tool_calls))
        parts = [part async for part in with_tools.astream([("user", question), asked, *results])]
        return parts[0]

    return RunnableLambda(agent)


@pytest.fixture(autouse=True)
def nothing_left_attached() -> Iterator[None]:
    """Whatever a framework was watched doing, the caller's context is as it was."""
    before = context.get_current()
    yield
    assert context.get_current() is before
    set_llm_cache(None)


def test_an_agent_is_two_model_turns_and_its_tool(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(asks_for_weather("Rome"))

    agent_of(model(provider)).invoke("Weather?", {"metadata": {"thread_id": "t1"}})

    spans = recorded.spans()
    assert paths(spans) == [
        AGENT,
        f"{AGENT} > {CHAT}",
        f"{AGENT} > execute_tool weather",
        f"{AGENT} > {CHAT}",
    ]
    assert len(counted(spans)) == 2
    assert {span["attributes"]["gen_ai.conversation.id"] for span in spans} == {"t1"}
    assert {span["kind"] for span in spans if span not in counted(spans)} == {"internal"}


def test_a_tool_says_what_it_was_asked_and_what_it_gave_redacted(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(asks_for_weather("Rome"))

    agent_of(model(provider)).invoke("Weather?")

    told = named(recorded.spans(), "execute_tool weather")["attributes"]
    assert told["gen_ai.operation.name"] == "execute_tool"
    assert told["gen_ai.tool.name"] == "weather"
    assert told["gen_ai.tool.call.id"].startswith("call_")
    assert told["gen_ai.tool.call.arguments"] == '{"city": "Rome"}'
    assert told["gen_ai.tool.call.result"].startswith("Sunny in Rome")
    assert "jane@example.com" not in told["gen_ai.tool.call.result"]
    assert told["llmtrace.sdk"].startswith("langchain-core ")


def test_an_async_agent_that_streams_and_uses_tools_in_parallel(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(asks_for_weather("Rome", "Oslo"))

    asyncio.run(async_agent_of(model(provider)).ainvoke("Weather?"))

    spans = recorded.spans()
    assert sorted(paths(spans)) == [
        AGENT,
        f"{AGENT} > {CHAT}",
        f"{AGENT} > {CHAT}",
        f"{AGENT} > execute_tool weather",
        f"{AGENT} > execute_tool weather",
    ]
    assert len(counted(spans)) == 2


@pytest.mark.parametrize("how", ["invoke", "stream", "ainvoke", "astream", "astream_events"])
def test_a_chain_is_one_workflow_around_its_call(
    how: str, provider: LocalProvider, recorded: Recorded
) -> None:
    prompt = ChatPromptTemplate.from_messages([("user", "{question}")])
    chain = prompt | model(provider) | StrOutputParser()
    given = {"question": "How?"}

    async def later() -> list[Any]:
        if how == "ainvoke":
            return [await chain.ainvoke(given)]
        if how == "astream":
            return [part async for part in chain.astream(given)]
        return [event async for event in chain.astream_events(given, version="v2")]

    if how == "invoke":
        chain.invoke(given)
    elif how == "stream":
        list(chain.stream(given))
    else:
        asyncio.run(later())

    workflow = "invoke_workflow RunnableSequence"
    assert paths(recorded.spans()) == [workflow, f"{workflow} > {CHAT}"]


def test_steps_that_the_app_named_are_kept_and_connecting_pieces_are_not(
    provider: LocalProvider, recorded: Recorded
) -> None:
    def choose(text: str) -> str:
        return text

    chat = model(provider)
    parts = RunnableParallel(short=chat, long=RunnableLambda(choose) | chat)
    chain = (RunnableLambda(lambda text: text) | parts).with_config(run_name="summary")

    chain.invoke("Text")

    root = "invoke_workflow summary"
    assert sorted(paths(recorded.spans())) == [
        root,
        f"{root} > {CHAT}",
        f"{root} > {CHAT}",
        f"{root} > choose",
    ]


def test_the_apps_own_steps_stand_between(provider: LocalProvider, recorded: Recorded) -> None:
    chat = model(provider)

    def work(text: str) -> Any:
        with llmtrace.trace("inner"):
            return chat.invoke(text)

    with llmtrace.trace("outer"):
        RunnableLambda(work).invoke("Hello")

    assert paths(recorded.spans())[-1] == f"outer > invoke_workflow work > inner > {CHAT}"


def test_a_retriever_is_the_parent_of_the_embedding_it_asks_for(
    provider: LocalProvider, recorded: Recorded
) -> None:
    vectors = OpenAIEmbeddings(
        base_url=provider.openai_url,
        api_key="any",  # type: ignore[arg-type]
        check_embedding_ctx_length=False,  # else it wants a tokenizer's files from the network
    )

    class Shelf(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            vectors.embed_query(query)
            return [Document("Found.", id="d1")]

    Shelf().invoke("Where?")
    asyncio.run(Shelf().ainvoke("Where?"))

    spans = recorded.spans()
    above, below = "retrieval Shelf", "embeddings text-embedding-ada-002"
    assert paths(spans) == [above, f"{above} > {below}"] * 2
    told = next(span for span in spans if span["name"] == above)["attributes"]
    assert told["gen_ai.retrieval.query.text"] == "Where?"
    assert '"Found."' in told["gen_ai.retrieval.documents"]


def test_an_error_in_a_tool_is_told_on_the_tool_and_on_what_is_around(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(asks_for_weather("Atlantis"))

    with pytest.raises(LookupError, match="Atlantis"):
        agent_of(model(provider)).invoke("Weather?")

    spans = recorded.spans()
    assert {span["name"]: span["attributes"].get("error.type") for span in spans} == {
        AGENT: "LookupError",
        CHAT: None,
        "execute_tool weather": "LookupError",
    }


def test_a_stream_that_is_left_leaves_nothing_behind(
    provider: LocalProvider, recorded: Recorded
) -> None:
    chat = model(provider)
    chunks = chat.stream("Hello")
    next(chunks)
    before = context.get_current()
    chunks.close()  # type: ignore[attr-defined]  # a generator
    chat.invoke("Again")

    assert context.get_current() is before
    spans = recorded.spans()
    assert paths(spans) == [CHAT, CHAT]
    assert len(counted(spans)) == 2


def test_between_the_chunks_the_callers_context_is_its_own(
    provider: LocalProvider, recorded: Recorded
) -> None:
    seen: list[Any] = []

    async def later() -> None:
        before = context.get_current()
        seen.extend(
            [context.get_current() is before async for _ in model(provider).astream("Hello")]
        )

    before = context.get_current()
    seen.extend(context.get_current() is before for _ in model(provider).stream("Hello"))
    asyncio.run(later())

    assert len(seen) > 2
    assert all(seen)


def test_a_model_that_no_sdk_is_behind_is_counted_once_with_its_own_usage(
    recorded: Recorded,
) -> None:
    message = {"response_metadata": {"model_name": "llama-9", "id": "r1", "finish_reason": "stop"}}

    (RunnablePassthrough() | fake(**message)).with_config(run_name="a").invoke("Q")

    spans = recorded.spans()
    assert paths(spans) == ["invoke_workflow a", "invoke_workflow a > chat"]
    told = named(spans, "chat")["attributes"]
    assert told["gen_ai.provider.name"] == "genericfakechatmodel"
    assert told["gen_ai.response.model"] == "llama-9"
    assert told["gen_ai.response.id"] == "r1"
    assert told["gen_ai.usage.input_tokens"] == 100
    assert told["gen_ai.usage.cache_read.input_tokens"] == 40
    assert told["gen_ai.usage.reasoning.output_tokens"] == 5
    assert told["llmtrace.usage.source"] == "provider"
    assert told["llmtrace.cost.source"] == "unpriced"
    assert '"content": "Q"' in told["llmtrace.request.body"]
    assert "From nobody" in told["llmtrace.response.body"]
    assert "http.response.status_code" not in told


@pytest.mark.parametrize("how", ["stream", "astream", "ainvoke", "batch"])
def test_such_a_model_is_counted_once_however_it_is_called(how: str, recorded: Recorded) -> None:
    async def later() -> None:
        if how == "ainvoke":
            await fake().ainvoke("Q")
        else:
            _ = [part async for part in fake().astream("Q")]

    if how == "stream":
        list(fake().stream("Q"))
    elif how == "batch":
        fake().batch(["Q"])
    else:
        asyncio.run(later())

    assert len(counted(recorded.spans())) == 1


def test_a_text_model_without_an_sdk_is_counted_once_a_prompt(recorded: Recorded) -> None:
    FakeListLLM(responses=["a", "b"]).generate(["1", "2"])

    assert [span["name"] for span in recorded.spans()] == ["text_completion"] * 2


def test_a_model_whose_sdk_is_not_watched_is_told_by_langchain(
    provider: LocalProvider, tmp_path: Path, recorded: Recorded
) -> None:
    llmtrace.instrument("langchain", home=tmp_path)

    model(provider).invoke("Hello")
    list(model(provider, stream_usage=True).stream("Hello"))

    spans = recorded.spans()
    assert [span["name"] for span in spans] == [CHAT, CHAT]
    for span in spans:
        told = span["attributes"]
        assert told["llmtrace.api"] == "framework"
        assert told["gen_ai.provider.name"] == "openai"
        assert told["gen_ai.usage.input_tokens"] > 0
        assert told["llmtrace.cost.total_usd"] > 0


def test_an_answer_from_langchains_cache_costs_nothing_and_says_what_it_saved(
    provider: LocalProvider, recorded: Recorded
) -> None:
    set_llm_cache(InMemoryCache())
    chat = model(provider)

    chat.invoke("Hello")
    chat.invoke("Hello")

    first, second = (span["attributes"] for span in recorded.spans())
    assert len(provider.requests) == 1
    assert second["llmtrace.cache.status"] == "hit"
    assert second["llmtrace.cache.name"] == "langchain"
    assert second["llmtrace.cost.total_usd"] == 0
    assert second["llmtrace.price.version"] == "response cache (langchain)"
    assert second["llmtrace.cost.cache_savings_usd"] == first["llmtrace.cost.total_usd"] > 0
    assert second["gen_ai.usage.input_tokens"] == first["gen_ai.usage.input_tokens"]


def test_anthropics_own_span_and_langchain_make_one_count(
    provider: LocalProvider, recorded: Recorded
) -> None:
    chat = ChatAnthropic(
        model_name="claude-haiku-4-5",
        base_url=provider.anthropic_url,
        api_key="any",  # type: ignore[arg-type]
        timeout=None,
        stop=None,
    )

    (RunnablePassthrough() | chat).with_config(run_name="a").invoke("Hello")

    assert paths(recorded.spans()) == [
        "invoke_workflow a",
        "invoke_workflow a > chat claude-haiku-4-5",
    ]


def test_runs_in_threads_that_know_nothing_find_their_parents(
    provider: LocalProvider, recorded: Recorded
) -> None:
    chat = model(provider)

    def work(text: str, config: Any) -> list[Any]:
        with ThreadPoolExecutor(2) as pool:  # which hands on no context
            return list(pool.map(lambda _: chat.invoke(text, config), range(3)))

    RunnableLambda(work).invoke("Hello")

    assert paths(recorded.spans()) == [
        "invoke_workflow work",
        *[f"invoke_workflow work > {CHAT}"] * 3,
    ]


def test_many_agents_at_once_keep_apart(provider: LocalProvider, recorded: Recorded) -> None:
    chat = model(provider)

    def one(number: int) -> None:
        (RunnablePassthrough() | chat).with_config(run_name=f"n{number}").invoke("Hello")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    roots = [f"invoke_workflow n{number}" for number in range(8)]
    assert sorted(paths(recorded.spans())) == sorted(roots + [f"{root} > {CHAT}" for root in roots])


def test_after_uninstrument_langchain_is_as_it_was(
    provider: LocalProvider, tmp_path: Path, recorded: Recorded
) -> None:
    from langchain_core.callbacks import CallbackManager
    from langchain_core.language_models import BaseChatModel

    watched = BaseChatModel.stream
    llmtrace.uninstrument()

    agent = agent_of(model(provider))
    agent.invoke("Hello")

    assert recorded.spans() == []
    assert CallbackManager.configure().handlers == []
    assert BaseChatModel.stream is not watched
    llmtrace.instrument(home=tmp_path)
    agent.invoke("Hello")
    assert len(counted(recorded.spans())) == 2


def test_the_apps_lists_of_callbacks_stay_as_they_are(
    provider: LocalProvider, recorded: Recorded
) -> None:
    mine: list[Any] = []
    config: Any = {"callbacks": mine}

    model(provider).invoke("Hello", config)

    assert mine == []
    assert config == {"callbacks": mine}


def test_runs_that_never_end_are_forgotten_in_time() -> None:
    from llmtrace.instrument.integrations import frameworks

    runs = frameworks.Runs()
    for number in range(frameworks._MAX_RUNS + 10):
        runs.put(number, frameworks.Structure(context.get_current()))

    assert len(runs) == frameworks._MAX_RUNS
    assert runs.get(0) is None


def test_a_fault_of_ours_reaches_nobody(
    provider: LocalProvider, harmless: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr("llmtrace.instrument.integrations.langchain_events.open_structure", broken)
    monkeypatch.setattr("llmtrace.instrument.integrations.langchain_events.open_model_call", broken)
    provider.enqueue(asks_for_weather("Rome"))

    agent_of(model(provider)).invoke("Weather?")

    assert harmless.faults().keys() == {"langchain"}
    assert len(counted(harmless.spans())) == 2
