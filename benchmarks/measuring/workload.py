"""The calls that are measured: real SDK clients on an in-process transport.

Nothing here knows an instrumentation. SDK functions are looked up at every call, as an app does:
some tools replace them on their class. Runs in the environments of the peers too, so it imports
only the two SDKs and their HTTP library.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    Watch = Callable[[Any], Any]

CHUNKS = 200
TASKS = 100
_TEXT = "word " * 120
_SHORT: Any = [{"role": "user", "content": "word " * 400}]
_LONG: Any = [{"role": "user", "content": "word " * 40_000}]
_TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "Look something up.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    for name in ("weather", "traffic", "time")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of call."""

    name: str
    run: Callable[[int], int]
    """Makes so many calls and returns the CPU nanoseconds that this thread spent in them."""
    per_run: int = 1
    """Calls that one run of it stands for (tasks of an async case)."""
    chunks: int = 0
    """Pieces of the streamed answer; 0 for a plain one."""
    max_times: int = 400
    """Most runs in one block, so that no queue of anybody overflows."""


def cases(watch: Watch = lambda function: function) -> dict[str, Case]:
    """Return the cases by name; ``watch`` is put around each SDK function that is called."""
    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    chat = openai.OpenAI(api_key="none", http_client=http)
    claude = anthropic.Anthropic(api_key="none", http_client=http)
    silent = anthropic.Anthropic(api_key="none", http_client=http, open_telemetry=False)
    found = [
        Case(name="chat", run=_looped(_chat(chat, watch, _SHORT))),
        Case(name="chat, 200 KB prompt", run=_looped(_chat(chat, watch, _LONG)), max_times=60),
        Case(name="chat, tools", run=_looped(_chat(chat, watch, _SHORT, tools=_TOOLS))),
        Case(name="message", run=_looped(_message(claude, watch))),
        Case(name="message, SDK's own span off", run=_looped(_message(silent, watch))),
        Case(name="stream, openai", run=_looped(_chat_stream(chat, watch)), chunks=CHUNKS),
        Case(name="stream, anthropic", run=_looped(_message_stream(claude, watch)), chunks=CHUNKS),
        Case(name="stream, bytes only", run=_looped(_byte_stream(chat, watch)), chunks=CHUNKS),
        Case(name="first chunk", run=_first_chunk(chat, watch)),
        Case(name="embeddings", run=_looped(_embeddings(chat, watch)), max_times=10),
        Case(
            name="embeddings, not parsed",
            run=_looped(_embeddings(chat, watch, is_parsed=False)),
            max_times=10,
        ),
        Case(name="async, 100 tasks", run=_tasks(watch), per_run=TASKS, max_times=4),
    ]
    return {case.name: case for case in found}


def _looped(call: Callable[[], object]) -> Callable[[int], int]:
    def run(times: int) -> int:
        started = time.thread_time_ns()
        for _ in range(times):
            call()
        return time.thread_time_ns() - started

    return run


def _chat(client: Any, watch: Watch, messages: Any, **more: Any) -> Callable[[], object]:
    def create() -> object:
        return client.chat.completions.create(model="gpt-5-mini", messages=messages, **more)

    return watch(create)


def _message(client: Any, watch: Watch) -> Callable[[], object]:
    def create() -> object:
        return client.messages.create(model="claude-sonnet-5", max_tokens=9, messages=_SHORT)

    return watch(create)


def _chat_stream(client: Any, watch: Watch) -> Callable[[], object]:
    create = watch(lambda: _opened(client))

    def call() -> None:
        for _ in create():
            pass

    return call


def _message_stream(client: Any, watch: Watch) -> Callable[[], object]:
    def create() -> Any:
        return client.messages.create(
            model="claude-sonnet-5", max_tokens=9, messages=_SHORT, stream=True
        )

    opened = watch(create)

    def call() -> None:
        for _ in opened():
            pass

    return call


def _byte_stream(client: Any, watch: Watch) -> Callable[[], object]:
    """The SDK parses nothing here, so that what is added to a chunk is not lost in the noise."""

    def create() -> Any:
        completions = client.chat.completions.with_streaming_response
        return completions.create(model="gpt-5-mini", messages=_SHORT, stream=True)

    opened = watch(create)

    def call() -> None:
        with opened() as response:
            for _ in response.iter_bytes():
                pass

    return call


def _first_chunk(client: Any, watch: Watch) -> Callable[[int], int]:
    create = watch(lambda: _opened(client))

    def run(times: int) -> int:
        spent = 0
        for _ in range(times):
            started = time.thread_time_ns()
            stream = create()
            next(stream)
            spent += time.thread_time_ns() - started
            stream.close()
        return spent

    return run


def _opened(client: Any) -> Any:
    return client.chat.completions.create(model="gpt-5-mini", messages=_SHORT, stream=True)


def _embeddings(client: Any, watch: Watch, *, is_parsed: bool = True) -> Callable[[], object]:
    def create() -> object:
        embeddings = client.embeddings
        resource = embeddings if is_parsed else embeddings.with_raw_response
        return resource.create(
            model="text-embedding-3-small", input=["some text"] * 64, encoding_format="float"
        )

    return watch(create)


def _tasks(watch: Watch) -> Callable[[int], int]:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    client = openai.AsyncOpenAI(api_key="none", http_client=http)
    create = watch(_chat(client, lambda function: function, _SHORT))
    loop = asyncio.new_event_loop()

    async def all_at_once() -> None:
        await asyncio.gather(*(create() for _ in range(TASKS)))

    return _looped(lambda: loop.run_until_complete(all_at_once()))


# --- the provider ---------------------------------------------------------------------------


def answer(request: httpx2.Request) -> httpx2.Response:
    """Answer as the provider would, without a network."""
    path = request.url.path
    if b'"stream":true' in request.content:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=_Stream(_STREAMS[path]))
    body = _TOOL_ANSWER if b'"tools":' in request.content else _BODIES[path]
    return httpx2.Response(200, headers={"content-type": "application/json"}, content=body)


class _Stream(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def _completion(message: dict[str, Any], finish_reason: str) -> bytes:
    body = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
        "choices": [{
            "index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", **message}
        }],
        "usage": {"prompt_tokens": 500, "completion_tokens": 120, "total_tokens": 620},
    }  # fmt: skip
    return json.dumps(body).encode()


def _chat_chunks() -> list[bytes]:
    base = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini",
    }  # fmt: skip
    chunk = base | {"choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
    last = base | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    lines = [chunk] * (CHUNKS - 1) + [last]
    return [b"data: %b\n\n" % json.dumps(line).encode() for line in lines] + [b"data: [DONE]\n\n"]


def _message_events() -> list[bytes]:
    usage = {"input_tokens": 500, "output_tokens": 1}
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5",
        "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    block = {"type": "text", "text": ""}
    delta = {"type": "text_delta", "text": "word "}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *[{"type": "content_block_delta", "index": 0, "delta": delta}] * (CHUNKS - 5),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 120},
        },
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def _vectors() -> bytes:
    draw = random.Random(1).random  # noqa: S311  # plausible numbers, always the same
    data = [
        {"object": "embedding", "index": i, "embedding": [draw() - 0.5 for _ in range(1536)]}
        for i in range(64)
    ]
    usage = {"prompt_tokens": 64, "total_tokens": 64}
    body = {"object": "list", "model": "text-embedding-3-small", "data": data, "usage": usage}
    return json.dumps(body).encode()


_TOOL_CALLS = [
    {
        "id": f"call_{name}",
        "type": "function",
        "function": {"name": name, "arguments": '{"city": "Oslo"}'},
    }
    for name in ("weather", "traffic")
]
_TOOL_ANSWER = _completion({"content": None, "tool_calls": _TOOL_CALLS}, "tool_calls")
_MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5",
    "content": [{"type": "text", "text": _TEXT}], "stop_reason": "end_turn",
    "usage": {"input_tokens": 500, "output_tokens": 120},
}  # fmt: skip
_BODIES = {
    "/v1/chat/completions": _completion({"content": _TEXT}, "stop"),
    "/v1/messages": json.dumps(_MESSAGE).encode(),
    "/v1/embeddings": _vectors(),
}
_STREAMS = {"/v1/chat/completions": _chat_chunks(), "/v1/messages": _message_events()}
