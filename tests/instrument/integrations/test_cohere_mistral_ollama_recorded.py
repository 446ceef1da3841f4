"""Recorded traffic of Cohere, Mistral and Ollama through the real SDKs: usage is on the span."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import cohere
import httpx
import httpx2
import ollama
import pytest
from mistralai.client import Mistral

import llmtrace
from benchmarks.recordings.exchanges import EXCHANGES, Exchange, recorded
from llmtrace.instrument import guard
from tests.instrument.recording import Recorded
from tests.wire.recorded import needs_recordings, without_nulls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [needs_recordings, pytest.mark.filterwarnings("ignore")]
PIECE = 37
"""Bytes; cuts events, lines and characters."""
PROVIDERS = {
    "cohere": "cohere",
    "mistral": "mistral_ai",
    "ollama": "ollama",
}
ROWS = [
    row
    for row in recorded(EXCHANGES)
    if row["provider"] in PROVIDERS
    and not (row["provider"] == "ollama" and row["path"].startswith("/v1/"))  # the openai SDK's
]


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """Let a fault of ours raise, so that it cannot hide."""
    guard.set_strict(strict=True)
    yield
    assert not guard.faults


def transport_of(row: Exchange, http: Any, sent: list[Any]) -> Any:
    """Return what answers as it was recorded, at the recorded host."""

    class Pieces(http.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            data = row["response_body"].encode()
            for at in range(0, len(data), PIECE):
                yield data[at : at + PIECE]

    def answer(request: Any) -> Any:
        sent.append(request)
        headers = row["response_headers"]
        if row["stream"]:
            return http.Response(row["status"], headers=headers, stream=Pieces())
        return http.Response(row["status"], headers=headers, text=row["response_body"])

    return http.MockTransport(answer)


def cohere_call(row: Exchange, sent: list[Any]) -> Callable[[], Any]:
    _, version, name = row["path"].split("/")
    made = cohere.ClientV2 if version == "v2" else cohere.Client
    client = made(
        api_key="any",
        base_url=f"https://{row['host']}",
        httpx_client=httpx.Client(transport=transport_of(row, httpx, sent)),
    )
    asked: dict[str, dict[str, Any]] = {
        "v1 chat": {"message": "-"},
        "v1 generate": {"prompt": "-"},
        "v2 chat": {"model": "-", "messages": []},
        "v2 embed": {"model": "-", "input_type": "search_query"},
        "v2 rerank": {"model": "-", "query": "-", "documents": []},
    }
    whole = {"additional_body_parameters": row["request_body"], "max_retries": 0}
    method = getattr(client, f"{name}_stream" if row["stream"] else name)
    arguments = {**asked[f"{version} {name}"], "request_options": whole}
    if "model" in row["request_body"]:
        arguments["model"] = row["request_body"]["model"]
    return lambda: method(**arguments)


class _SendRecorded:
    """A hook of the SDK's own kind that sends the recorded body."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def before_request(self, hook_ctx: Any, request: Any) -> Any:
        del hook_ctx
        if self._body is None:
            return request
        headers = {k: v for k, v in request.headers.items() if k != "content-length"}
        content = json.dumps(self._body).encode()
        return httpx2.Request(request.method, request.url, headers=headers, content=content)


def mistral_call(row: Exchange, sent: list[Any]) -> Callable[[], Any]:
    client = Mistral(api_key="any", client=httpx2.Client(transport=transport_of(row, httpx2, sent)))
    hooks: Any = client.sdk_configuration.__dict__["_hooks"]
    hooks.register_before_request_hook(_SendRecorded(row["request_body"]))
    if row["path"].endswith("/embeddings"):
        return lambda: client.embeddings.create(model="-", inputs="-")
    method = client.chat.stream if row["stream"] else client.chat.complete
    return lambda: method(model="-", messages=[])


def ollama_call(row: Exchange, sent: list[Any]) -> Callable[[], Any]:
    client = ollama.Client(host=f"http://{row['host']}", transport=transport_of(row, httpx, sent))
    method = getattr(client, row["path"].rpartition("/")[2])
    known = inspect.signature(method).parameters
    body = without_nulls(row["request_body"])
    if row["path"].endswith("/generate"):
        body.pop("images", None)
    return lambda: method(**{name: value for name, value in body.items() if name in known})


CALLS = {"cohere": cohere_call, "mistral": mistral_call, "ollama": ollama_call}


def outcome(row: Exchange, sent: list[Any]) -> tuple[str, str]:
    """Return what the caller gets: the whole answer, or the exception."""
    call = CALLS[row["provider"]](row, sent)
    try:
        result = call()
        return "answer", repr(list(result) if row["stream"] else result)
    except Exception as error:  # noqa: BLE001  # the SDK's own, of a refusal
        return type(error).__name__, str(error)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['provider']}-{row['id']}")
def test_a_recorded_exchange_is_what_it_was_to_the_app_and_its_usage_is_on_the_span(
    row: Exchange, tmp_path: Path
) -> None:
    sent: list[Any] = []
    alone = outcome(row, sent)
    llmtrace.instrument(home=tmp_path)

    watched = outcome(row, sent)

    assert watched == alone
    assert len(sent) == 2
    span = Recorded(tmp_path).span()
    attributes = span["attributes"]
    raw = attributes.get("llmtrace.usage.raw")
    assert attributes["gen_ai.provider.name"] == PROVIDERS[row["provider"]]
    assert attributes["http.response.status_code"] == row["status"]
    assert span["status"] == ("unset" if row["status"] == 200 else "error")
    assert without_nulls(json.loads(raw) if raw else {}) == (row["truth"]["usage"] or {})
    if row["status"] == 200:
        reasons = attributes.get("gen_ai.response.finish_reasons", [])
        # The recordings do not look for those of generations.
        assert reasons == row["truth"]["finish_reasons"] or row["path"].endswith("/generate")
        assert attributes.get("gen_ai.response.model") == row["truth"]["resp_model"]
        assert "embedding" not in row["path"] or '"embedding":[' not in str(attributes)
