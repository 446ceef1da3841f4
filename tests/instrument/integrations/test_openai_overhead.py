"""What llmtrace adds to a call of each endpoint, in function calls on the caller's thread."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai
import pytest

import llmtrace
from llmtrace.testing.provider.openai_media import SOUND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.instrument.recording import Recorded

LIMIT = 80
ASK: Any = [{"role": "user", "content": "Hi"}]
RESULT = b'{"id":"q","custom_id":"a","response":{"body":{}}}\n'
ANSWER = {"id": "x", "object": "batch", "type": "message", "input_tokens": 1, "data": []}


def answered(request: httpx2.Request) -> httpx2.Response:
    """Answer without a network, so that every call takes the same steps."""
    if request.url.path.endswith("/speech"):
        return httpx2.Response(200, content=SOUND, headers={"content-type": "audio/mpeg"})
    if request.url.path.endswith("/content"):
        return httpx2.Response(200, content=RESULT * 1_000)
    return httpx2.Response(200, json=ANSWER)


def clients() -> tuple[openai.OpenAI, anthropic.Anthropic]:
    made: dict[str, Any] = {
        "base_url": "http://127.0.0.1:9/v1",
        "api_key": "k",
        "http_client": httpx2.Client(transport=httpx2.MockTransport(answered)),
    }
    return openai.OpenAI(**made), anthropic.Anthropic(
        **made, open_telemetry=False, middleware=[lambda request, call_next: call_next(request)]
    )


CASES: dict[str, Callable[[Any, Any], Any]] = {
    "speech": lambda o, _: o.audio.speech.create(model="tts-1", voice="a", input="x"),
    "transcription": lambda o, _: o.audio.transcriptions.create(model="m", file=("a", b"1" * 99)),
    "image": lambda o, _: o.images.generate(prompt="x"),
    "completion": lambda o, _: o.completions.create(model="m", prompt="x"),
    "moderation": lambda o, _: o.moderations.create(input="x"),
    "batch": lambda o, _: o.batches.retrieve("batch_1"),
    "results": lambda o, _: o.files.content("file-1"),
    "count": lambda _, a: a.messages.count_tokens(model="m", messages=ASK),
    "middleware": lambda _, a: a.messages.create(model="m", max_tokens=1, messages=ASK),
}


def function_calls(ask: Callable[[], Any]) -> int:
    """Return the fewest function calls, Python's and C's, that ``ask`` takes in three tries."""
    counted: list[int] = []
    for _ in range(2):  # the first calls of a client cache things
        ask()
    for _ in range(3):
        seen = [0]

        def note(_frame: object, event: str, _arg: object, seen: list[int] = seen) -> None:
            seen[0] += event in {"call", "c_call"}

        sys.setprofile(note)
        try:
            ask()
        finally:
            sys.setprofile(None)
        counted.append(seen[0])
    return min(counted)


@pytest.mark.skipif(sys.gettrace() is not None, reason="coverage adds function calls of its own")
@pytest.mark.parametrize("name", CASES)
def test_an_endpoint_adds_at_most_eighty_function_calls(name: str, tmp_path: Path) -> None:
    openai_client, anthropic_client = clients()
    before = function_calls(lambda: CASES[name](openai_client, anthropic_client))

    llmtrace.instrument(home=tmp_path)
    after = function_calls(lambda: CASES[name](openai_client, anthropic_client))

    assert after - before <= LIMIT


def test_the_size_of_a_file_adds_nothing(recorded: Recorded) -> None:
    client, _ = clients()
    small, large = (
        function_calls(
            lambda size=size: client.audio.transcriptions.create(
                model="m", file=("a", b"1" * size), response_format="json"
            )
        )
        for size in (100, 1_000_000)
    )

    assert recorded.spans()
    assert large - small <= 40  # the SDK's own: more pieces of the form
