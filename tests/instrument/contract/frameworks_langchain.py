"""LangChain under contract: an agent of its runnables, above its class for OpenAI's chat."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from tests.instrument.contract.frameworks import MODEL, Framework, weather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmtrace.testing.provider import LocalProvider


@contextlib.contextmanager
def _model(provider: LocalProvider, retries: int = 0) -> Iterator[Any]:
    import openai
    from langchain_openai import ChatOpenAI

    with openai.DefaultHttpxClient() as http:
        yield ChatOpenAI(
            model=MODEL,
            base_url=provider.openai_url,
            api_key="any",  # type: ignore[arg-type]  # it takes text
            max_retries=retries,
            http_client=http,
        )


@contextlib.asynccontextmanager
async def _async_model(provider: LocalProvider, retries: int = 0) -> AsyncIterator[Any]:
    import openai
    from langchain_openai import ChatOpenAI

    async with openai.DefaultAsyncHttpxClient() as http:
        yield ChatOpenAI(
            model=MODEL,
            base_url=provider.openai_url,
            api_key="any",  # type: ignore[arg-type]  # it takes text
            max_retries=retries,
            http_async_client=http,
        )


def _agent_of(chat: Any) -> Any:
    from langchain_core.runnables import RunnableLambda
    from langchain_core.tools import tool

    described = tool(weather)
    with_tools = chat.bind_tools([described])

    def helper(question: str) -> Any:
        asked = with_tools.invoke(question)
        if not asked.tool_calls:
            return asked
        results = described.batch(asked.tool_calls)
        return with_tools.invoke([("user", question), asked, *results])

    async def later(question: str) -> Any:
        asked = await with_tools.ainvoke(question)
        if not asked.tool_calls:
            return asked
        results = await asyncio.gather(*(described.ainvoke(call) for call in asked.tool_calls))
        return [part async for part in with_tools.astream([("user", question), asked, *results])]

    return RunnableLambda(helper, later)


def _chain_of(chat: Any) -> Any:
    from langchain_core.runnables import RunnablePassthrough

    return (RunnablePassthrough() | chat).with_config(run_name="helper")


def _run(
    provider: LocalProvider, way: str, question: str, *, leave: bool = False, retries: int = 0
) -> None:
    if way in {"async", "async stream"}:
        asyncio.run(_run_later(provider, way, question, leave=leave, retries=retries))
        return
    with _model(provider, retries) as chat:
        if way == "sync":
            _agent_of(chat).invoke(question)
            return
        with contextlib.closing(_chain_of(chat).stream(question)) as parts:
            for part in parts:
                if leave and part.content:
                    break


async def _run_later(
    provider: LocalProvider, way: str, question: str, *, leave: bool, retries: int
) -> None:
    async with _async_model(provider, retries) as chat:
        if way == "async":
            await _agent_of(chat).ainvoke(question)
            return
        async with contextlib.aclosing(_chain_of(chat).astream(question)) as parts:
            async for part in parts:
                if leave and part.content:
                    break


def _alone(question: str) -> None:
    from langchain_core.language_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage

    _chain_of(GenericFakeChatModel(messages=iter([AIMessage("From nobody's SDK.")]))).invoke(
        question
    )


FRAMEWORKS = (
    Framework(
        name="langchain",
        module="langchain_core",
        run=_run,
        above=dict.fromkeys(("sync", "async", "stream", "async stream"), "invoke_workflow helper"),
        tool_ways=("sync", "async"),
        leave_ways=("stream", "async stream"),
        cancel=lambda provider: _run_later(provider, "async", "Where?", leave=False, retries=0),
        alone=_alone,
    ),
)
