"""LlamaIndex under contract: its chat engine and its agent, above a model class of the app's own.

Its own class for OpenAI needs an openai SDK older than the newest (a row of the version matrix).
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from llmtrace.testing.provider import Answer, Reply
from tests.instrument.contract.frameworks import MODEL, Framework, weather

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmtrace.testing.provider import LocalProvider


@functools.cache
def over_openai() -> Any:
    """Return the class of a model that asks the real SDK."""
    import openai
    from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata
    from llama_index.core.llms.callbacks import llm_completion_callback

    class OverOpenAI(CustomLLM):
        url: str
        retries: int = 0

        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(model_name="own")

        def _client(self) -> Any:
            return openai.OpenAI(base_url=self.url, api_key="any", max_retries=self.retries)

        @llm_completion_callback()
        def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:  # noqa: FBT002  # theirs
            with self._client() as client:
                answer = client.chat.completions.create(**_asked(prompt))
            return CompletionResponse(text=answer.choices[0].message.content, raw=answer)

        @llm_completion_callback()
        def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> Any:  # noqa: FBT002  # theirs
            def pieces() -> Iterator[CompletionResponse]:
                text = ""
                with (
                    self._client() as client,
                    client.chat.completions.create(**_asked(prompt), stream=True) as chunks,
                ):
                    for chunk in chunks:
                        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
                        yield CompletionResponse(text=text)

            return pieces()

    return OverOpenAI


def _asked(prompt: str) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}


def _run(
    provider: LocalProvider, way: str, question: str, *, leave: bool = False, retries: int = 0
) -> None:
    if way != "sync":
        asyncio.run(_later(provider, way, question, leave=leave, retries=retries))
        return
    from llama_index.core.chat_engine import SimpleChatEngine

    model = over_openai()(url=provider.openai_url, retries=retries)
    SimpleChatEngine.from_defaults(llm=model).chat(question)


async def _later(
    provider: LocalProvider, way: str, question: str, *, leave: bool, retries: int
) -> None:
    from llama_index.core.agent.workflow import ReActAgent
    from llama_index.core.tools import FunctionTool

    agent = ReActAgent(
        tools=[FunctionTool.from_defaults(weather)],
        llm=over_openai()(url=provider.openai_url, retries=retries),
        name="helper",
        streaming=way == "async stream",
    )
    running = agent.run(question)
    if way == "async stream":
        async for _ in running.stream_events():
            if leave:
                break
    await running


def _alone(question: str) -> None:
    from llama_index.core.chat_engine import SimpleChatEngine
    from llama_index.core.llms.mock import MockLLM

    SimpleChatEngine.from_defaults(llm=MockLLM()).chat(question)


def _says(text: str) -> Reply:
    return Reply(answer=Answer(text=text))


FRAMEWORKS = (
    Framework(
        name="llama_index",
        module="llama_index.core",
        run=_run,
        above={
            "sync": "invoke_workflow SimpleChatEngine",
            "async": "invoke_agent helper",
            "async stream": "invoke_agent helper",
        },
        tool_ways=("async", "async stream"),
        alone=_alone,
        tool_reply=_says('Thought: I ask.\nAction: weather\nAction Input: {"city": "Rome"}'),
        last_reply=_says("Thought: I can answer.\nAnswer: It is sunny."),
    ),
)
