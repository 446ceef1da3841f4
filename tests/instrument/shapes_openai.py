"""Every way in which an app calls the openai SDK."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tests.instrument.contract import apis_openai
from tests.instrument.differential import adapted, drain, feature, opened
from tests.instrument.endings import ENDINGS, ended

if TYPE_CHECKING:
    from tests.instrument.differential import Seen, Shape

MODEL = "gpt-4o-mini"
MESSAGES: list[Any] = [
    {"role": "system", "content": "You are a support desk."},
    {"role": "user", "content": "Where is my parcel, “Grüße” 🌍?"},
]
CHAT: dict[str, Any] = {"model": MODEL, "messages": MESSAGES}
RESPONSE: dict[str, Any] = {"model": MODEL, "input": "Where is my parcel?"}
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "track_parcel",
            "description": "Where a parcel is.",
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {"number": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["number", "days"],
                "additionalProperties": False,
            },
        },
    }
]
RESPONSE_TOOLS: list[Any] = [{"type": "function", **TOOLS[0]["function"]}]


class Parcel(BaseModel):
    """A structured answer."""

    number: str
    days: int


async def chat_create(client: Any, seen: Seen) -> None:
    result = await adapted(client.chat.completions.create(**CHAT))
    seen.see("result", result)
    seen.see("json", result.model_dump_json())
    seen.requests()


async def chat_create_positional_extras(client: Any, seen: Seen) -> None:
    seen.see(
        "result",
        await adapted(
            client.chat.completions.create(
                **CHAT,
                temperature=0.2,
                max_completion_tokens=64,
                n=2,
                seed=7,
                stop=["END"],
                extra_headers={"x-extra": "1"},
                extra_query={"q": "1"},
                extra_body={"field_of_tomorrow": {"a": [1]}},
                timeout=5,
            )
        ),
    )


async def chat_tools(client: Any, seen: Seen) -> None:
    seen.see("result", await adapted(client.chat.completions.create(**CHAT, tools=TOOLS)))


async def chat_tool_results(client: Any, seen: Seen) -> None:
    first = await adapted(client.chat.completions.create(**CHAT, tools=TOOLS))
    seen.see("first", first)
    message = first.choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": "in Lyon"}
        for call in message.tool_calls
    ]
    # The SDK's own object goes back in, as its documentation shows.
    second = {**CHAT, "messages": [*MESSAGES, message, *results], "tools": TOOLS}
    seen.see("second", await adapted(client.chat.completions.create(**second)))


async def chat_parse(client: Any, seen: Seen) -> None:
    parse = feature(client, "chat.completions.parse")
    seen.see("result", await adapted(parse(**CHAT, response_format=Parcel)))


async def chat_json_schema(client: Any, seen: Seen) -> None:
    schema = {"name": "parcel", "schema": Parcel.model_json_schema()}
    wanted = {"type": "json_schema", "json_schema": schema}
    seen.see(
        "result", await adapted(client.chat.completions.create(**CHAT, response_format=wanted))
    )


async def chat_raw(client: Any, seen: Seen) -> None:
    raw = await adapted(client.chat.completions.with_raw_response.create(**CHAT))
    await _raw(raw, seen)


async def chat_streaming_response(client: Any, seen: Seen) -> None:
    manager = client.chat.completions.with_streaming_response.create(**CHAT)
    seen.requests()
    async with opened(manager) as response:
        seen.requests()
        seen.see("type", response)
        seen.see("headers", response.http_response)
        seen.see("result", await adapted(response.parse()))
    seen.see("after", response.http_response)


async def chat_streaming_response_bytes(client: Any, seen: Seen) -> None:
    manager = client.chat.completions.with_streaming_response.create(**CHAT)
    async with opened(manager) as response:
        await drain(response.iter_bytes(64), seen, "bytes")


async def chat_streaming_response_unread(client: Any, seen: Seen) -> None:
    manager = client.chat.completions.with_streaming_response.create(**CHAT)
    async with opened(manager) as response:
        seen.see("status", response.status_code)
    seen.see("after", response.http_response)


async def chat_streaming_response_lines(client: Any, seen: Seen) -> None:
    manager = client.chat.completions.with_streaming_response.create(**CHAT, stream=True)
    async with opened(manager) as response:
        await drain(response.iter_lines(), seen, "line")


async def chat_streaming_response_stream(client: Any, seen: Seen) -> None:
    manager = client.chat.completions.with_streaming_response.create(**CHAT, stream=True)
    async with opened(manager) as response:
        await drain(await adapted(response.parse()), seen)


async def chat_raw_stream(client: Any, seen: Seen) -> None:
    raw = await adapted(client.chat.completions.with_raw_response.create(**CHAT, stream=True))
    seen.see("type", raw)
    seen.see("response", raw.http_response)
    await drain(await adapted(raw.parse()), seen)
    seen.see("after", raw.http_response)


async def chat_stream_usage(client: Any, seen: Seen) -> None:
    await drain(
        await adapted(
            client.chat.completions.create(
                **CHAT, stream=True, stream_options={"include_usage": True}
            )
        ),
        seen,
    )


async def chat_stream_tools(client: Any, seen: Seen) -> None:
    await drain(
        await adapted(client.chat.completions.create(**CHAT, tools=TOOLS, stream=True, n=2)), seen
    )


async def chat_helper(client: Any, seen: Seen) -> None:
    manager = feature(client, "chat.completions.stream")(**CHAT)
    seen.see("manager", manager)
    seen.requests()
    async with opened(manager) as stream:
        seen.requests()
        seen.see("stream", stream)
        await drain(stream, seen, "event")
        seen.see("final", await adapted(stream.get_final_completion()))


async def chat_helper_final(client: Any, seen: Seen) -> None:
    manager = feature(client, "chat.completions.stream")(**CHAT, tools=TOOLS)
    async with opened(manager) as stream:
        seen.see("final", await adapted(stream.get_final_completion()))


async def chat_helper_parsed(client: Any, seen: Seen) -> None:
    manager = feature(client, "chat.completions.stream")(**CHAT, response_format=Parcel)
    async with opened(manager) as stream:
        async with opened(stream):
            await adapted(stream.until_done())
        seen.see("snapshot", stream.current_completion_snapshot)


async def chat_helper_left(client: Any, seen: Seen) -> None:
    manager = feature(client, "chat.completions.stream")(**CHAT)
    async with opened(manager):
        pass
    seen.requests()


async def chat_helper_never_entered(client: Any, seen: Seen) -> None:
    manager = feature(client, "chat.completions.stream")(**CHAT)
    seen.requests()
    if hasattr(manager, "_AsyncChatCompletionStreamManager__api_request"):
        manager._AsyncChatCompletionStreamManager__api_request.close()


async def responses_create(client: Any, seen: Seen) -> None:
    result = await adapted(client.responses.create(**RESPONSE, instructions="Be brief."))
    seen.see("result", result)
    seen.see("text", result.output_text)


async def responses_continued(client: Any, seen: Seen) -> None:
    first = await adapted(client.responses.create(**RESPONSE))
    second = await adapted(
        client.responses.create(model=MODEL, input="And now?", previous_response_id=first.id)
    )
    seen.see("second", second)


async def responses_tools(client: Any, seen: Seen) -> None:
    seen.see("result", await adapted(client.responses.create(**RESPONSE, tools=RESPONSE_TOOLS)))


async def responses_parse(client: Any, seen: Seen) -> None:
    parse = feature(client, "responses.parse")
    result = await adapted(parse(**RESPONSE, text_format=Parcel))
    seen.see("result", result)
    seen.see("parsed", result.output_parsed)


async def responses_retrieve(client: Any, seen: Seen) -> None:
    made = await adapted(client.responses.create(**RESPONSE))
    seen.see("fetched", await adapted(client.responses.retrieve(made.id)))


async def responses_retrieve_unknown(client: Any, seen: Seen) -> None:
    await adapted(client.responses.retrieve("resp_unknown"))


async def responses_raw(client: Any, seen: Seen) -> None:
    await _raw(await adapted(client.responses.with_raw_response.create(**RESPONSE)), seen)


async def responses_streaming_response(client: Any, seen: Seen) -> None:
    manager = client.responses.with_streaming_response.create(**RESPONSE)
    async with opened(manager) as response:
        seen.see("result", await adapted(response.parse()))


async def responses_stream_tools(client: Any, seen: Seen) -> None:
    await drain(
        await adapted(client.responses.create(**RESPONSE, tools=RESPONSE_TOOLS, stream=True)), seen
    )


async def responses_helper(client: Any, seen: Seen) -> None:
    manager = feature(client, "responses.stream")(**RESPONSE)
    seen.requests()
    async with opened(manager) as stream:
        seen.see("stream", stream)
        await drain(stream, seen, "event")
        seen.see("final", await adapted(stream.get_final_response()))


async def responses_helper_parsed(client: Any, seen: Seen) -> None:
    manager = feature(client, "responses.stream")(**RESPONSE, text_format=Parcel)
    async with opened(manager) as stream:
        seen.see("final", await adapted(stream.get_final_response()))


async def embeddings_base64(client: Any, seen: Seen) -> None:
    """Ask as the SDK does by itself: base64 on the wire, floats for the caller."""
    made = client.embeddings.create(model="text-embedding-3-small", input=["parcel", "refund"])
    seen.see("result", await adapted(made))


async def embeddings_float(client: Any, seen: Seen) -> None:
    made = client.embeddings.create(
        model="text-embedding-3-small", input="parcel", dimensions=16, encoding_format="float"
    )
    seen.see("result", await adapted(made))


async def embeddings_explicit_base64(client: Any, seen: Seen) -> None:
    result = await adapted(
        client.embeddings.create(
            model="text-embedding-3-small", input="parcel", encoding_format="base64"
        )
    )
    seen.see("result", result)
    seen.see("bytes", base64.b64decode(result.data[0].embedding))


async def embeddings_raw(client: Any, seen: Seen) -> None:
    made = client.embeddings.with_raw_response.create(model="text-embedding-3-small", input=[1, 2])
    await _raw(await adapted(made), seen)


async def models_list(client: Any, seen: Seen) -> None:
    """Call what is not an LLM call: it must pass untouched and unrecorded."""
    seen.made = 0
    await drain(client.models.list(), seen, "model")


async def _raw(raw: Any, seen: Seen) -> None:
    seen.see("type", raw)
    seen.see("response", raw.http_response)
    seen.see("headers", dict(raw.headers).get("x-request-id"))
    seen.see("request", raw.http_request)
    seen.see("retries", raw.retries_taken)
    seen.see("text", raw.text if isinstance(raw.text, str) else await adapted(raw.text()))
    seen.see("parsed", await adapted(raw.parse()))


PLAIN: dict[str, Shape] = {
    shape.__name__: shape
    for shape in (
        chat_create,
        chat_create_positional_extras,
        chat_tools,
        chat_tool_results,
        chat_parse,
        chat_json_schema,
        chat_raw,
        chat_streaming_response,
        chat_streaming_response_bytes,
        chat_streaming_response_unread,
        chat_streaming_response_lines,
        chat_streaming_response_stream,
        chat_raw_stream,
        chat_stream_usage,
        chat_stream_tools,
        chat_helper,
        chat_helper_final,
        chat_helper_parsed,
        chat_helper_left,
        chat_helper_never_entered,
        responses_create,
        responses_continued,
        responses_tools,
        responses_parse,
        responses_retrieve,
        responses_retrieve_unknown,
        responses_raw,
        responses_streaming_response,
        responses_stream_tools,
        responses_helper,
        responses_helper_parsed,
        embeddings_base64,
        embeddings_float,
        embeddings_explicit_base64,
        embeddings_raw,
        models_list,
    )
}


def open_chat(client: Any) -> Any:
    """Open a chat completion's stream."""
    return client.chat.completions.create(**CHAT, stream=True)


def open_response(client: Any) -> Any:
    """Open a response's stream."""
    return client.responses.create(**RESPONSE, stream=True)


STREAMS: dict[str, Shape] = {
    f"{name}_{ending.__name__}": ended(ending, start)
    for name, start in (("chat", open_chat), ("responses", open_response))
    for ending in ENDINGS.values()
}
SHAPES = PLAIN | STREAMS
CORE = {
    name: SHAPES[name]
    for name in (
        "chat_create",
        "chat_raw",
        "chat_streaming_response",
        "chat_helper",
        "chat_drained",
        "chat_broken_off",
        "responses_create",
        "responses_helper",
        "responses_drained",
        "embeddings_base64",
    )
}
"""One of each kind, for the whole list of what a provider may do."""
SDK = apis_openai.OPENAI
COVERS = {"openai.chat", "openai.responses", "openai.embeddings"}
OPENINGS = (open_chat, open_response)
FUZZED = (
    "chat_create",
    "chat_helper",
    "chat_drained",
    "responses_create",
    "responses_drained",
    "embeddings_base64",
)
"""Those that meet random answers."""
