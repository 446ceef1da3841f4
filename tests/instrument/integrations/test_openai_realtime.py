"""Realtime and responses WebSockets through the real SDK: each response is one counted span."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.instrument.integrations.realtime_server import (
    SESSION,
    USAGE,
    RealtimeServer,
    realtime_turn,
)

if TYPE_CHECKING:
    from tests.instrument.recording import Recorded

CREATED = {"type": "session.created", "session": SESSION}
TRANSCRIBED = {
    "type": "conversation.item.input_audio_transcription.completed",
    "item_id": "item_1",
    "transcript": "Where is my parcel?",
    "usage": {"type": "duration", "seconds": 3},
}


def client(server: RealtimeServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url, api_key="any")


def say(connection: Any, text: str) -> None:
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }
    connection.conversation.item.create(item=item)
    connection.response.create()


def read_until(connection: Any, kind: str) -> list[Any]:
    events = []
    while not events or events[-1].type != kind:
        events.append(connection.recv())
    return events


def test_each_response_of_a_session_is_one_span(recorded: Recorded) -> None:
    with (
        RealtimeServer([realtime_turn(1), realtime_turn(2)], [CREATED]) as server,
        client(server).realtime.connect(model="gpt-realtime") as connection,
    ):
        for text in ("Where is my parcel?", "And the other one?"):
            say(connection, text)
            read_until(connection, "response.done")

    spans = recorded.spans()
    first = spans[0]["attributes"]
    assert [span["name"] for span in spans] == ["chat gpt-realtime"] * 2
    assert [span["status"] for span in spans] == ["unset"] * 2
    assert first["gen_ai.usage.input_tokens"] == USAGE["input_tokens"]
    assert first["gen_ai.usage.output_tokens"] == USAGE["output_tokens"]
    assert first["gen_ai.usage.cache_read.input_tokens"] == 64
    assert first["gen_ai.usage.audio.input_tokens"] == 49
    assert first["gen_ai.usage.audio.output_tokens"] == 20
    assert first["gen_ai.response.id"] == "resp_1"
    assert first["gen_ai.output.type"] == "speech"
    assert first["llmtrace.api"] == "openai.realtime"
    assert "UklGRg" not in str(first)
    sent = [json.loads(span["attributes"]["llmtrace.request.body"])["items"] for span in spans]
    assert [items[0]["item"]["content"][0]["text"] for items in sent] == [
        "Where is my parcel?",
        "And the other one?",
    ]


def test_async_sessions_too(recorded: Recorded) -> None:
    async def talk(server: RealtimeServer) -> None:
        asynchronous = openai.AsyncOpenAI(base_url=server.url, api_key="any")
        async with asynchronous.realtime.connect(model="gpt-realtime") as connection:
            await connection.response.create()
            async for event in connection:
                if event.type == "response.done":
                    break

    with RealtimeServer([realtime_turn(1)], [CREATED]) as server:
        asyncio.run(talk(server))

    assert recorded.attributes()["gen_ai.usage.input_tokens"] == 149


def test_what_the_user_said_is_transcribed_for_a_fee_of_its_own(recorded: Recorded) -> None:
    with (
        RealtimeServer([[TRANSCRIBED, *realtime_turn(1)]], [CREATED]) as server,
        client(server).realtime.connect(model="gpt-realtime") as connection,
    ):
        connection.response.create()
        read_until(connection, "response.done")

    transcription, chat = recorded.spans()
    assert transcription["name"] == "transcription whisper-1"
    assert transcription["attributes"]["llmtrace.usage.units.audio_seconds"] == 3
    assert chat["name"] == "chat gpt-realtime"


def test_a_session_left_in_the_middle_ends_its_response(recorded: Recorded) -> None:
    with (
        RealtimeServer([realtime_turn(1)[:2]], [CREATED]) as server,
        client(server).realtime.connect(model="gpt-realtime") as connection,
    ):
        connection.response.create()
        read_until(connection, "response.output_audio.delta")

    attributes = recorded.attributes()
    assert "gen_ai.usage.input_tokens" not in attributes
    assert attributes["llmtrace.cost.source"] == "unpriced"


@pytest.mark.parametrize("status", ["failed", "cancelled", "incomplete"])
def test_a_response_says_how_it_ended(recorded: Recorded, status: str) -> None:
    with (
        RealtimeServer([realtime_turn(1, status)], [CREATED]) as server,
        client(server).realtime.connect(model="gpt-realtime") as connection,
    ):
        connection.response.create()
        read_until(connection, "response.done")

    span = recorded.span()
    assert span["status"] == ("error" if status == "failed" else "unset")
    assert span["attributes"]["gen_ai.response.finish_reasons"] == [status]
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 149


def test_a_responses_connection_is_read_as_the_streams_are(recorded: Recorded) -> None:
    response = {
        "id": "resp_9", "object": "response", "created_at": 1, "model": "gpt-5-mini-2025-08-07",
        "status": "completed", "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "output": [{
            "id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "On its way.", "annotations": []}],
        }],
        "usage": {
            "input_tokens": 30, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 35,
        },
    }  # fmt: skip
    started = {**response, "status": "in_progress", "output": [], "usage": None}
    turn = [
        {"type": "response.created", "sequence_number": 0, "response": started},
        {"type": "response.completed", "sequence_number": 1, "response": response},
    ]
    with (
        RealtimeServer([turn]) as server,
        client(server).responses.connect() as connection,
    ):
        connection.response.create(model="gpt-5-mini", input="Where is my parcel?")
        read_until(connection, "response.completed")

    attributes = recorded.attributes()
    assert attributes["llmtrace.api"] == "openai.responses"
    assert attributes["gen_ai.request.model"] == "gpt-5-mini"
    assert attributes["gen_ai.response.model"] == "gpt-5-mini-2025-08-07"
    assert attributes["gen_ai.usage.input_tokens"] == 30
    assert attributes["llmtrace.stream.outcome"] == "completed"
    assert attributes["llmtrace.cost.total_usd"] > 0


def test_a_server_that_sends_nonsense_harms_nobody(recorded: Recorded) -> None:
    nonsense = [{"type": "response.created"}, {"type": 3}, {"type": "response.done", "response": 1}]
    with (
        RealtimeServer([nonsense], [{"type": "session.created", "session": None}]) as server,
        client(server).realtime.connect(model="gpt-realtime") as connection,
    ):
        connection.response.create()
        for _ in range(4):
            connection.recv_bytes()

    assert len(recorded.spans()) == 1
