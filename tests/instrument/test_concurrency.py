"""Many threads and tasks at once: right parents, right attribution, nothing lost, nothing kept."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

import llmtrace
from llmtrace.instrument.call import Call
from llmtrace.instrument.spans import OwnSpan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.instrument.recording import Recorded

ASK: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18},
}


def answer(request: httpx2.Request) -> httpx2.Response:
    if b'"stream":true' in request.content:
        chunk = {**ANSWER, "choices": [{"index": 0, "delta": {"content": "Hi"}}], "usage": None}
        text = f"data: {json.dumps(chunk)}\n\n" * 3 + "data: [DONE]\n\n"
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, text=text)
    return httpx2.Response(200, json=ANSWER)


async def answer_later(request: httpx2.Request) -> httpx2.Response:
    """Give the other tasks their turn in the middle of every call."""
    await asyncio.sleep(0.001)
    return answer(request)


@pytest.fixture
def client() -> openai.OpenAI:
    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="any", max_retries=0, http_client=http)


def in_its_own_step(spans: list[dict[str, Any]], calls_each: int) -> set[str]:
    """Check that each step has its own calls, charged to its own user; return the users."""
    steps = {s["span_id"]: s for s in spans if s["kind"] == "internal"}
    calls = [s for s in spans if s["kind"] == "client"]
    assert len({s["span_id"] for s in spans}) == len(spans)
    assert len({s["trace_id"] for s in steps.values()}) == len(steps)
    for call in calls:
        step = steps[call["parent_span_id"]]
        assert call["trace_id"] == step["trace_id"]
        assert call["attributes"]["user.id"] == step["attributes"]["user.id"] == step["name"]
    each = Counter(call["parent_span_id"] for call in calls)
    assert each == dict.fromkeys(steps, calls_each)
    return {s["name"] for s in steps.values()}


def test_64_threads_each_have_their_own_trace_and_user(
    client: openai.OpenAI, recorded: Recorded
) -> None:
    ready = threading.Barrier(64)

    def work(name: str) -> None:
        ready.wait(30)
        with llmtrace.attribute(user=name), llmtrace.trace(name):
            for _ in range(10):
                client.chat.completions.create(**ASK)

    threads = [threading.Thread(target=work, args=(f"u{n}",)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert in_its_own_step(recorded.spans(), 10) == {f"u{n}" for n in range(64)}


def test_1000_tasks_each_have_their_own_trace_and_user(recorded: Recorded) -> None:
    async def main() -> None:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer_later))
        client = openai.AsyncOpenAI(api_key="any", max_retries=0, http_client=http)

        async def work(name: str) -> None:
            async with llmtrace.attribute(user=name), llmtrace.trace(name):
                await client.chat.completions.create(**ASK)
                async for _ in await client.chat.completions.create(stream=True, **ASK):
                    await asyncio.sleep(0)

        await asyncio.gather(*(work(f"u{n}") for n in range(1_000)))
        await client.close()

    asyncio.run(main())

    assert in_its_own_step(recorded.spans(), 2) == {f"u{n}" for n in range(1_000)}


def test_calls_that_tasks_start_in_threads_stay_below_the_task_s_step(
    client: openai.OpenAI, recorded: Recorded
) -> None:
    async def work(name: str) -> None:
        with llmtrace.attribute(user=name), llmtrace.trace(name):
            await asyncio.to_thread(client.chat.completions.create, **ASK)

    async def main() -> None:
        await asyncio.gather(*(work(f"u{n}") for n in range(50)))

    asyncio.run(main())

    assert in_its_own_step(recorded.spans(), 1) == {f"u{n}" for n in range(50)}


def stream_to_the_end(client: openai.OpenAI) -> None:
    for _ in client.chat.completions.create(stream=True, **ASK):
        pass


def stream_left_open(client: openai.OpenAI) -> None:
    next(client.chat.completions.create(stream=True, **ASK))


def fail(client: openai.OpenAI) -> None:
    with pytest.raises(TypeError):
        client.chat.completions.create(**{**ASK, "messages": [{"content": object()}]})


WAYS: dict[str, Callable[[openai.OpenAI], object]] = {
    "plain": lambda client: client.chat.completions.create(**ASK),
    "stream": stream_to_the_end,
    "stream left open": stream_left_open,
    "fail": fail,
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_call_is_kept_once_it_is_written(
    way: str, client: openai.OpenAI, tmp_path: Path
) -> None:
    llmtrace.instrument(home=tmp_path)
    act = WAYS[way]

    def after(calls: int) -> int:
        for _ in range(calls):
            act(client)
        assert llmtrace.flush(30)
        gc.collect()
        assert llmtrace.flush(30)  # a stream left open ends with the collection
        return len(gc.get_objects())

    after(200)  # what is made once, is made
    few, many = after(100), after(1_000)

    kept = [
        kind.__name__
        for kind in map(type, gc.get_objects())
        if kind in {Call, OwnSpan, httpx2.Response} or kind.__name__.startswith("Watched")
    ]
    assert kept == []
    assert many - few < 100, "objects pile up with the calls"
