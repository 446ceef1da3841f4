"""Every way in which an app calls the anthropic SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tests.instrument.contract import apis_anthropic
from tests.instrument.differential import adapted, drain, feature, opened
from tests.instrument.endings import ENDINGS, ended

if TYPE_CHECKING:
    from tests.instrument.differential import Seen, Shape

MODEL = "claude-haiku-4-5"
MESSAGE: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 256,
    "messages": [{"role": "user", "content": "Where is my parcel, “Grüße” 🌍?"}],
}
TOOLS: list[Any] = [
    {
        "name": "track_parcel",
        "description": "Where a parcel is.",
        "input_schema": {
            "type": "object",
            "properties": {"number": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["number", "days"],
        },
    }
]
THINKING = {"type": "enabled", "budget_tokens": 1024}
CACHED_SYSTEM = [{"type": "text", "text": "policy " * 3000, "cache_control": {"type": "ephemeral"}}]


class Parcel(BaseModel):
    """A structured answer."""

    number: str
    days: int


async def create(client: Any, seen: Seen) -> None:
    result = await adapted(client.messages.create(**MESSAGE))
    seen.see("result", result)
    seen.see("request id", result._request_id)
    seen.see("json", result.to_json())
    seen.requests()


async def create_extras(client: Any, seen: Seen) -> None:
    made = client.messages.create(
        **MESSAGE,
        system="Be brief.",
        temperature=0.3,
        top_k=5,
        stop_sequences=["END"],
        metadata={"user_id": "u1"},
        extra_headers={"x-extra": "1"},
        extra_query={"q": "1"},
        extra_body={"field_of_tomorrow": [1]},
    )
    seen.see("result", await adapted(made))


async def create_cached(client: Any, seen: Seen) -> None:
    for attempt in ("write", "read"):
        made = client.messages.create(**MESSAGE, system=CACHED_SYSTEM)
        seen.see(attempt, await adapted(made))


async def create_tools(client: Any, seen: Seen) -> None:
    first = await adapted(client.messages.create(**MESSAGE, tools=TOOLS))
    seen.see("first", first)
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "in Lyon"}
        for block in first.content
        if block.type == "tool_use"
    ]
    # The SDK's own blocks go back in, as its documentation shows.
    messages = [
        *MESSAGE["messages"],
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results},
    ]
    second = client.messages.create(**{**MESSAGE, "messages": messages}, tools=TOOLS)
    seen.see("second", await adapted(second))


async def create_thinking(client: Any, seen: Seen) -> None:
    made = client.messages.create(**{**MESSAGE, "max_tokens": 4096}, thinking=THINKING)
    seen.see("result", await adapted(made))


async def parse(client: Any, seen: Seen) -> None:
    result = await adapted(feature(client, "messages.parse")(**MESSAGE, output_format=Parcel))
    seen.see("result", result)
    seen.see("parsed", result.parsed_output)


async def raw(client: Any, seen: Seen) -> None:
    response = await adapted(client.messages.with_raw_response.create(**MESSAGE))
    seen.see("type", response)
    seen.see("response", response.http_response)
    seen.see("headers", dict(response.headers).get("request-id"))
    seen.see("retries", response.retries_taken)
    seen.see("parsed", await adapted(response.parse()))


async def streaming_response(client: Any, seen: Seen) -> None:
    manager = client.messages.with_streaming_response.create(**MESSAGE)
    seen.requests()
    async with opened(manager) as response:
        seen.requests()
        seen.see("type", response)
        seen.see("headers", response.http_response)
        seen.see("result", await adapted(response.parse()))
    seen.see("after", response.http_response)


async def streaming_response_bytes(client: Any, seen: Seen) -> None:
    manager = client.messages.with_streaming_response.create(**MESSAGE)
    async with opened(manager) as response:
        await drain(response.iter_bytes(64), seen, "bytes")


async def streaming_response_lines(client: Any, seen: Seen) -> None:
    manager = client.messages.with_streaming_response.create(**MESSAGE, stream=True)
    async with opened(manager) as response:
        await drain(response.iter_lines(), seen, "line")


async def raw_stream(client: Any, seen: Seen) -> None:
    made = client.messages.with_raw_response.create(**MESSAGE, stream=True)
    response = await adapted(made)
    seen.see("type", response)
    await drain(await adapted(response.parse()), seen)
    seen.see("after", response.http_response)


async def stream_tools(client: Any, seen: Seen) -> None:
    made = client.messages.create(**MESSAGE, tools=TOOLS, stream=True)
    await drain(await adapted(made), seen)


async def stream_thinking(client: Any, seen: Seen) -> None:
    made = client.messages.create(**{**MESSAGE, "max_tokens": 4096}, thinking=THINKING, stream=True)
    await drain(await adapted(made), seen)


async def helper_events(client: Any, seen: Seen) -> None:
    manager = client.messages.stream(**MESSAGE)
    seen.see("manager", manager)
    seen.requests()
    async with opened(manager) as stream:
        seen.requests()
        seen.see("stream", stream)
        seen.see("response", stream.response)
        seen.see("request id", stream.request_id)
        await drain(stream, seen, "event")
        seen.see("snapshot", stream.current_message_snapshot)


async def helper_text(client: Any, seen: Seen) -> None:
    async with opened(client.messages.stream(**MESSAGE)) as stream:
        await drain(stream.text_stream, seen, "text")
        seen.see("final text", await adapted(stream.get_final_text()))
        seen.see("final", await adapted(stream.get_final_message()))
    seen.see("after", stream.response)


async def helper_text_left(client: Any, seen: Seen) -> None:
    async with opened(client.messages.stream(**MESSAGE)) as stream:
        if hasattr(stream.text_stream, "__anext__"):
            seen.see("text", await stream.text_stream.__anext__())
        else:
            seen.see("text", next(stream.text_stream))
    seen.see("after", stream.response)


async def helper_final(client: Any, seen: Seen) -> None:
    async with opened(client.messages.stream(**MESSAGE, tools=TOOLS)) as stream:
        seen.see("final", await adapted(stream.get_final_message()))


async def helper_thinking(client: Any, seen: Seen) -> None:
    manager = client.messages.stream(**{**MESSAGE, "max_tokens": 4096}, thinking=THINKING)
    async with opened(manager) as stream:
        await adapted(stream.until_done())
        seen.see("snapshot", stream.current_message_snapshot)


async def helper_left(client: Any, seen: Seen) -> None:
    async with opened(client.messages.stream(**MESSAGE)):
        pass
    seen.requests()


async def beta_create(client: Any, seen: Seen) -> None:
    made = feature(client, "beta.messages.create")(**MESSAGE, betas=["some-beta"])
    seen.see("result", await adapted(made))


async def beta_parse(client: Any, seen: Seen) -> None:
    result = await adapted(feature(client, "beta.messages.parse")(**MESSAGE, output_format=Parcel))
    seen.see("result", result)


async def beta_helper(client: Any, seen: Seen) -> None:
    async with opened(feature(client, "beta.messages.stream")(**MESSAGE)) as stream:
        await drain(stream, seen, "event")
        seen.see("final", await adapted(stream.get_final_message()))


async def count_tokens(client: Any, seen: Seen) -> None:
    """Call what is not billed: it must pass untouched and unrecorded."""
    seen.made = 0
    made = client.messages.count_tokens(model=MODEL, messages=MESSAGE["messages"])
    seen.see("result", await adapted(made))


PLAIN: dict[str, Shape] = {
    shape.__name__: shape
    for shape in (
        create,
        create_extras,
        create_cached,
        create_tools,
        create_thinking,
        parse,
        raw,
        streaming_response,
        streaming_response_bytes,
        streaming_response_lines,
        raw_stream,
        stream_tools,
        stream_thinking,
        helper_events,
        helper_text,
        helper_text_left,
        helper_final,
        helper_thinking,
        helper_left,
        beta_create,
        beta_parse,
        beta_helper,
        count_tokens,
    )
}


def open_message(client: Any) -> Any:
    """Open a message's stream."""
    return client.messages.create(**MESSAGE, stream=True)


STREAMS: dict[str, Shape] = {
    f"stream_{ending.__name__}": ended(ending, open_message) for ending in ENDINGS.values()
}
SHAPES = PLAIN | STREAMS
CORE = {
    name: SHAPES[name]
    for name in (
        "create",
        "raw",
        "streaming_response",
        "helper_events",
        "helper_text",
        "stream_drained",
        "stream_broken_off",
    )
}
"""One of each kind, for the whole list of what a provider may do."""
SDK = apis_anthropic.ANTHROPIC
COVERS = {"anthropic.messages"}
OPENINGS = (open_message,)
FUZZED = ("create", "helper_events", "stream_drained")
"""Those that meet random answers."""
