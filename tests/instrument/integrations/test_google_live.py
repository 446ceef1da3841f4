"""Live sessions through the real SDK: each turn of the model is one counted span."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest
from google import genai
from google.genai import types
from google.genai._api_client import BaseApiClient
from websockets.sync.server import ServerConnection, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.instrument.recording import Recorded

MODEL = "gemini-live-2.5-flash"
USAGE = {
    "promptTokenCount": 44,
    "responseTokenCount": 61,
    "totalTokenCount": 105,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 44}],
    "responseTokensDetails": [
        {"modality": "TEXT", "tokenCount": 11},
        {"modality": "AUDIO", "tokenCount": 50},
    ],
}
SOUND = {
    "serverContent": {
        "modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "AQAB" * 9_000}}]}
    }
}
SPOKEN = {"serverContent": {"outputTranscription": {"text": "It is on its way."}}}
OVER = {"serverContent": {"turnComplete": True}}
TURN = (SOUND, SPOKEN, {**OVER, "usageMetadata": USAGE})


class LiveServer:
    """Completes the set-up, then plays the next of ``turns`` at each message of the client."""

    def __init__(self, *turns: Sequence[dict[str, Any]]) -> None:
        self._turns = turns
        self._server = serve(self._serve, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        return self._server.socket.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)

    def _serve(self, connection: ServerConnection) -> None:
        turns = iter(self._turns)
        for number, _ in enumerate(connection):
            answers = next(turns, ()) if number else [{"setupComplete": {}}]
            for answer in answers:
                connection.send(json.dumps(answer))


@pytest.fixture(autouse=True)
def without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK speak without TLS, which it would insist on, at ``base_url``."""

    def address(client: Any, options: Any = None) -> str:
        return (options or client._http_options).base_url.replace("http", "ws", 1).rstrip("/")

    monkeypatch.setattr(BaseApiClient, "_websocket_base_url", address)


def talk(server: LiveServer, conversation: Callable[[Any], Any]) -> None:
    """Run ``conversation`` in a session."""

    async def run() -> None:
        http = types.HttpOptions(base_url=f"http://127.0.0.1:{server.port}")
        client = genai.Client(api_key="any", http_options=http)
        client._api_client._websocket_ssl_ctx = {}
        config = types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO], system_instruction="Be brief."
        )
        async with client.aio.live.connect(model=MODEL, config=config) as session:
            await conversation(session)

    asyncio.run(run())


async def ask(session: Any, text: str) -> list[Any]:
    await session.send_client_content(turns={"role": "user", "parts": [{"text": text}]})
    return [message async for message in session.receive()]


def test_each_turn_is_one_span(recorded: Recorded) -> None:
    async def conversation(session: Any) -> None:
        await ask(session, "Where is my parcel?")
        await ask(session, "And the other one?")

    with LiveServer(TURN, TURN) as server:
        talk(server, conversation)

    spans = recorded.spans()
    first = spans[0]["attributes"]
    assert [span["name"] for span in spans] == [f"generate_content {MODEL}"] * 2
    assert first["gen_ai.provider.name"] == "gcp.gemini"
    assert first["gen_ai.usage.input_tokens"] == 44
    assert first["gen_ai.usage.output_tokens"] == 61
    assert first["gen_ai.usage.audio.output_tokens"] == 50
    assert first["gen_ai.output.type"] == "speech"
    assert first["llmtrace.stream.outcome"] == "completed"
    assert first["gen_ai.response.time_to_first_chunk"] > 0
    assert json.loads(first["llmtrace.response.body"])["outputTranscription"] == "It is on its way."
    asked = [json.loads(span["attributes"]["llmtrace.request.body"]) for span in spans]
    assert "And the other one?" in json.dumps(asked[1]["messages"])
    assert "Where is my parcel?" not in json.dumps(asked[1]["messages"])
    assert "AQAB" not in json.dumps(first)


def test_a_tool_call_and_its_answer_are_of_one_turn(recorded: Recorded) -> None:
    call = {"toolCall": {"functionCalls": [{"id": "c1", "name": "look", "args": {"q": 1}}]}}

    async def conversation(session: Any) -> None:
        await session.send_client_content(turns={"role": "user", "parts": [{"text": "Look"}]})
        async for message in session.receive():
            if message.tool_call:
                answer = types.FunctionResponse(id="c1", name="look", response={"output": "here"})
                await session.send_tool_response(function_responses=[answer])

    with LiveServer((call,), TURN) as server:
        talk(server, conversation)

    attributes = recorded.attributes()
    assert json.loads(attributes["llmtrace.response.body"])["functionCalls"][0]["name"] == "look"
    assert attributes["gen_ai.usage.input_tokens"] == 44


def test_usage_that_comes_after_the_turn_is_the_turns(recorded: Recorded) -> None:
    async def conversation(session: Any) -> None:
        await ask(session, "Where is my parcel?")
        await session._receive()  # what an app that goes on reading does

    with LiveServer((SPOKEN, OVER, {"usageMetadata": USAGE})) as server:
        talk(server, conversation)

    assert recorded.attributes()["gen_ai.usage.input_tokens"] == 44


def test_a_session_left_in_the_middle_ends_its_turn(recorded: Recorded) -> None:
    async def conversation(session: Any) -> None:
        await session.send_client_content(turns={"role": "user", "parts": [{"text": "Hi"}]})
        await session._receive()

    with LiveServer((SPOKEN,)) as server:
        talk(server, conversation)

    attributes = recorded.attributes()
    assert attributes["llmtrace.stream.outcome"] == "abandoned"
    assert attributes["llmtrace.usage.source"] == "estimated"


def test_a_model_that_speaks_first_is_recorded_too(recorded: Recorded) -> None:
    async def conversation(session: Any) -> None:
        await session.send_realtime_input(audio=types.Blob(data=b"\0" * 640, mime_type="audio/pcm"))
        async for _ in session.receive():
            pass

    with LiveServer(TURN) as server:
        talk(server, conversation)

    assert recorded.attributes()["gen_ai.usage.output_tokens"] == 61
