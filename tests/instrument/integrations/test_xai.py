"""The xai-sdk over gRPC: each call is one counted span, whatever happened to it."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import xai_sdk
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from xai_sdk.chat import system, user

import llmtrace
from tests.instrument.integrations.xai_server import WORDS, XaiServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.instrument.recording import Recorded

TEXT = "".join(WORDS)


@pytest.fixture
def server() -> Iterator[XaiServer]:
    with XaiServer() as running:
        yield running


def chat_of(client: Any) -> Any:
    return client.chat.create(
        model="grok-4", messages=[system("Be brief."), user("Where is my parcel?")], temperature=0.5
    )


def test_a_plain_call_is_one_span_with_the_providers_counts(
    server: XaiServer, recorded: Recorded
) -> None:
    answer = chat_of(xai_sdk.Client(**server.options)).sample()

    span = recorded.span()
    attributes = span["attributes"]
    assert answer.content == TEXT
    assert span["name"] == "chat grok-4"
    assert attributes["gen_ai.provider.name"] == "x_ai"
    assert attributes["gen_ai.response.model"] == "grok-4-0101"
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert attributes["gen_ai.usage.input_tokens"] == 200
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 120
    assert attributes["gen_ai.usage.output_tokens"] == 40  # the total says: reasoning is apart
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 30
    assert attributes["llmtrace.cache.status"] == "hit"
    assert attributes["llmtrace.cost.total_usd"] > 0
    assert json.loads(attributes["llmtrace.request.body"])["messages"][1]["role"] == "ROLE_USER"
    assert "llmtrace.stream.outcome" not in attributes


def test_async_calls_say_the_same(server: XaiServer, recorded: Recorded) -> None:
    async def call() -> None:
        client = xai_sdk.AsyncClient(**server.options)
        await chat_of(client).sample()
        async for _ in chat_of(client).stream():
            pass
        await client.close()

    asyncio.run(call())

    plain, streamed = (span["attributes"] for span in recorded.spans())
    assert plain["gen_ai.usage.output_tokens"] == streamed["gen_ai.usage.output_tokens"] == 40
    assert streamed["llmtrace.stream.outcome"] == "completed"


def test_a_drained_stream_is_completed_and_timed(server: XaiServer, recorded: Recorded) -> None:
    seen = [chunk.content for _, chunk in chat_of(xai_sdk.Client(**server.options)).stream()]

    attributes = recorded.attributes()
    body = json.loads(attributes["llmtrace.response.body"])
    assert seen == WORDS
    assert attributes["llmtrace.stream.outcome"] == "completed"
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert attributes["gen_ai.usage.output_tokens"] == 40
    assert body["outputs"][0]["message"]["content"] == TEXT


def test_a_stream_left_early_is_abandoned(server: XaiServer, recorded: Recorded) -> None:
    for _ in chat_of(xai_sdk.Client(**server.options)).stream():
        break
    gc.collect()

    attributes = recorded.attributes()
    assert attributes["llmtrace.stream.outcome"] == "abandoned"
    assert attributes["llmtrace.usage.source"] == "estimated"


def test_a_stream_that_is_never_read_makes_no_request_and_no_span(
    server: XaiServer, recorded: Recorded
) -> None:
    stream = chat_of(xai_sdk.Client(**server.options)).stream()
    del stream
    gc.collect()

    assert server.requests == []
    assert recorded.spans() == []


def test_a_stream_cut_by_the_server_has_failed(server: XaiServer, recorded: Recorded) -> None:
    server.cut_after = 2

    with pytest.raises(grpc.RpcError):
        list(chat_of(xai_sdk.Client(**server.options)).stream())

    span = recorded.span()
    assert span["status"] == "error"
    assert span["attributes"]["llmtrace.stream.outcome"] == "failed"
    assert "the connection is gone" in span["status_message"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
        (grpc.StatusCode.UNAUTHENTICATED, 401),
        (grpc.StatusCode.INVALID_ARGUMENT, 400),
        (grpc.StatusCode.INTERNAL, 500),
    ],
)
def test_a_refused_call_says_why_and_costs_nothing(
    server: XaiServer, recorded: Recorded, code: grpc.StatusCode, status: int
) -> None:
    server.refuse = code

    with pytest.raises(grpc.RpcError):
        chat_of(xai_sdk.Client(**server.options)).sample()

    span = recorded.span()
    attributes = span["attributes"]
    assert span["status"] == "error"
    assert "no more of this today" in span["status_message"]
    assert attributes["http.response.status_code"] == status
    assert not [name for name in attributes if name.startswith(("gen_ai.usage", "llmtrace.cost"))]


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_batch_of_answers_is_one_call(server: XaiServer, recorded: Recorded) -> None:
    answers = chat_of(xai_sdk.Client(**server.options)).sample_batch(3)

    assert len(answers) == 3
    assert recorded.attributes()["gen_ai.request.choice.count"] == 3


def test_the_sdks_own_span_is_not_a_second_count(server: XaiServer, tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    llmtrace.instrument(home=tmp_path, tracer_provider=provider)

    chat_of(xai_sdk.Client(**server.options)).sample()
    list(chat_of(xai_sdk.Client(**server.options)).stream())

    assert [span.name for span in exporter.get_finished_spans()] == ["chat grok-4", "chat grok-4"]


def test_a_client_made_before_is_watched_and_uninstrumenting_ends_it(
    server: XaiServer, tmp_path: Path
) -> None:
    from tests.instrument.recording import Recorded

    client = xai_sdk.Client(**server.options)
    sample = type(chat_of(client)).sample
    llmtrace.instrument(home=tmp_path)
    llmtrace.instrument(home=tmp_path)
    chat_of(client).sample()
    spans = Recorded(tmp_path).spans()
    llmtrace.uninstrument()

    assert chat_of(client).sample().content == TEXT
    assert len(spans) == 1
    assert type(chat_of(client)).sample is sample
    assert xai_sdk.sync.chat.tracer.__class__.__name__ != "_QuietTracer"


def test_what_is_not_sampled_or_not_kept_is_not_there(server: XaiServer, tmp_path: Path) -> None:
    from tests.instrument.recording import Recorded

    llmtrace.instrument(home=tmp_path, sample_ratio=0.0)
    list(chat_of(xai_sdk.Client(**server.options)).stream())
    assert Recorded(tmp_path).spans() == []
    llmtrace.uninstrument()

    llmtrace.instrument(home=tmp_path, capture_content="none")
    chat_of(xai_sdk.Client(**server.options)).sample()
    attributes = Recorded(tmp_path).attributes()
    assert attributes["gen_ai.usage.input_tokens"] == 200
    assert "llmtrace.request.body" not in attributes
