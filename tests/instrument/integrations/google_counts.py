"""A process that counts what llmtrace adds to google-genai's calls; prints JSON.

Run by ``test_google_genai_counts``: in a fresh process no other test, no coverage and no debugger
adds calls of its own. One case by aiohttp talks to a real server, the others to a transport.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import tempfile
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

from google import genai
from google.genai import types

import llmtrace
from llmtrace.testing.provider import LocalProvider
from tests.instrument.contract.apis_google_genai import http_library

if TYPE_CHECKING:
    from collections.abc import Callable

http: Any = importlib.import_module(http_library())
CHUNKS = 100
USAGE = {"promptTokenCount": 12, "candidatesTokenCount": 6, "totalTokenCount": 18}
ANSWER = {
    "candidates": [
        {"content": {"parts": [{"text": "On its way."}], "role": "model"}, "finishReason": "STOP"}
    ],
    "usageMetadata": USAGE,
    "modelVersion": "gemini-2.5-flash",
}
EVENT = b"data: " + json.dumps(ANSWER).encode() + b"\r\n\r\n"
BOTH = ("call", "c_call")


class _Pieces(http.SyncByteStream):
    def __iter__(self) -> Any:
        return iter([EVENT] * CHUNKS)


def _answer(request: Any) -> Any:
    if "stream" in request.url.path:
        return http.Response(200, headers={"content-type": "text/event-stream"}, stream=_Pieces())
    return http.Response(200, json=ANSWER)


def _entered(run: Callable[[], object]) -> int:
    seen: Counter[str] = Counter()

    def note(_frame: Any, event: str, _argument: Any) -> None:
        seen[event] += 1

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return sum(seen[event] for event in BOTH)


def _least(run: Callable[[], object]) -> int:
    """Return the count of the run in which nothing else happened (no wake-up, no collection)."""
    run()
    return min(_entered(run) for _ in range(15))


def main() -> None:
    """Count each case before, with and after llmtrace."""
    warnings.simplefilter("ignore")
    mock = genai.Client(
        api_key="any",
        http_options=types.HttpOptions(
            base_url="http://sdk.test", client_args={"transport": http.MockTransport(_answer)}
        ),
    )
    with LocalProvider() as provider, asyncio.Runner() as runner:
        over_aiohttp = genai.Client(
            api_key="any", http_options=types.HttpOptions(base_url=provider.url)
        ).aio
        asked: dict[str, Any] = {"model": "gemini-2.5-flash", "contents": "Where is my parcel?"}

        def wait() -> None:
            runner.run(over_aiohttp.models.generate_content(**asked))

        cases: dict[str, Callable[[], object]] = {
            "plain": lambda: mock.models.generate_content(**asked),
            "streamed": lambda: list(mock.models.generate_content_stream(**asked)),
            "aiohttp": wait,
        }
        before = {name: _least(run) for name, run in cases.items()}
        with tempfile.TemporaryDirectory() as home:
            llmtrace.instrument("google_genai", home=home)
            during = {name: _least(run) for name, run in cases.items()}
            llmtrace.uninstrument()
        after = {name: _least(run) for name, run in cases.items()}
        runner.run(over_aiohttp.aclose())
    print(json.dumps({name: [before[name], during[name], after[name]] for name in cases}))  # noqa: T201  # its answer


if __name__ == "__main__":
    main()
