"""Google's recorded traffic through the real SDK: what its usage said is what the span says."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

import llmtrace
from benchmarks.recordings.exchanges import EXCHANGES, Exchange, recorded
from llmtrace.instrument import guard
from llmtrace.testing.provider import LocalProvider, Reply
from tests.instrument.contract.apis_google_genai import http_library
from tests.instrument.recording import Recorded
from tests.wire.recorded import needs_recordings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

http: Any = importlib.import_module(http_library())
pytestmark = [needs_recordings, pytest.mark.filterwarnings("ignore")]
ROWS: list[Exchange] = [
    row
    for row in recorded(EXCHANGES)
    if row["provider"] in {"google-gemini", "google-vertex"}
    and row["transport"] == "http"
    and not row["path"].endswith(("/cachedContents", ":predict"))  # none; not at the Gemini API
    and "/openai/" not in row["path"]  # OpenAI's API, spoken by Google: the openai SDK's
    # a stream without alt=sse, which this SDK always asks for, and gives up on if it is not there
    and not (row["stream"] and row["response_body"].startswith("["))
]
MODELS = [row for row in ROWS if ":" in row["path"]]
IDS = {"gemini": "gcp.gemini", "vertex": "gcp.vertex_ai"}
PIECE = 37
"""Bytes; cuts events, and characters."""


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """Let a fault of ours raise, so that it cannot hide."""
    guard.set_strict(strict=True)
    yield
    assert not guard.faults


class _Pieces(http.SyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self._data), PIECE):
            yield self._data[at : at + PIECE]


def transport_of(row: Exchange, sent: list[Any]) -> Any:
    """Return what answers as it was recorded, at the recorded host."""

    def answer(request: Any) -> Any:
        sent.append(request)
        body = row["response_body"].encode()
        headers = row["response_headers"]
        if row["stream"]:
            return http.Response(row["status"], headers=headers, stream=_Pieces(body))
        return http.Response(row["status"], headers=headers, content=body)

    return http.MockTransport(answer)


def client_of(row: Exchange, **more: Any) -> genai.Client:
    """Return a client of the cloud that the row is from."""
    version = row["path"].split("/")[1]
    options = types.HttpOptions(api_version=version, **more)
    if row["provider"] == "google-gemini":
        return genai.Client(api_key="any", http_options=options)
    found = re.search(r"/projects/([^/]+)/locations/([^/]+)/", row["path"])
    assert found
    return genai.Client(
        vertexai=True,
        project=found[1],
        location=found[2],
        credentials=Credentials("any"),
        http_options=options,
    )


def how_to_call(row: Exchange, client: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the method of the SDK, and the arguments that make it send the recorded body."""
    body = row["request_body"]
    if row["path"].endswith("/interactions"):
        return client.interactions.create, body
    name, _, verb = row["path"].rpartition(":")
    extra = {"http_options": {"extra_body": body}}
    asked = {"model": name.rpartition("/")[2].replace("%20", " "), "contents": "-", "config": extra}
    if verb in {"embedContent", "batchEmbedContents"}:
        return client.models.embed_content, asked
    if row["stream"]:
        return client.models.generate_content_stream, asked
    return client.models.generate_content, asked


def outcome(call: Callable[[], object]) -> tuple[str, str]:
    """Return what the caller gets: the end of the answer, or the exception."""
    try:
        return "answer", repr(call())
    except Exception as error:  # noqa: BLE001  # the SDK's own, of a refusal or an odd framing
        return type(error).__name__, str(error)


def read(row: Exchange, client: Any) -> list[Any]:
    method, arguments = how_to_call(row, client)
    result = method(**arguments)
    is_stream = row["stream"] if ":" in row["path"] else arguments.get("stream")
    return list(result) if is_stream else [result]


def check(row: Exchange, span: dict[str, Any], hosts: set[str]) -> None:
    attributes = span["attributes"]
    cloud = "vertex" if row["provider"] == "google-vertex" else "gemini"
    assert attributes["gen_ai.provider.name"] == IDS[cloud]
    assert attributes["server.address"] in hosts
    assert attributes["http.response.status_code"] == row["status"]
    usage = row["truth"]["usage"]
    raw = attributes.get("llmtrace.usage.raw")
    assert (json.loads(raw) if raw else None) == usage
    assert span["status"] == ("unset" if row["status"] == 200 else "error")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_recorded_exchange_is_what_it_was_to_the_app_and_its_usage_is_on_the_span(
    row: Exchange, tmp_path: Path
) -> None:
    sent: list[Any] = []
    transport = transport_of(row, sent)
    client = client_of(row, client_args={"transport": transport}, async_client_args={"ssl": False})
    alone = outcome(lambda: read(row, client))

    llmtrace.instrument("google_genai", home=tmp_path)
    watched = outcome(lambda: read(row, client))

    assert watched == alone
    assert len(sent) == 2
    check(row, Recorded(tmp_path).span(), {sent[0].url.host})


@pytest.mark.parametrize("row", MODELS[::6], ids=lambda row: row["id"])
def test_recorded_exchanges_say_the_same_by_aiohttp(row: Exchange, tmp_path: Path) -> None:
    llmtrace.instrument("google_genai", home=tmp_path)

    async def ask(url: str) -> None:
        client = client_of(row, base_url=url).aio
        method, arguments = how_to_call(row, client)
        try:
            result = await method(**arguments)
            if row["stream"]:
                async for _ in result:
                    pass
        except Exception:  # noqa: BLE001, S110  # the SDK's own, of a refusal
            pass
        finally:
            await client.aclose()

    with LocalProvider() as provider:
        kind = row["response_headers"].get("content-type", "application/json")
        provider.enqueue(
            Reply(
                status=row["status"],
                body=row["response_body"].encode(),
                content_type=kind,
                chunk_bytes=PIECE,
            )
        )
        asyncio.run(ask(provider.url))
        assert len(provider.requests) == 1

    check(row, Recorded(tmp_path).span(), {"127.0.0.1"})
