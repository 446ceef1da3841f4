"""The xai-sdk over gRPC: what the contract does not ask of every SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import xai_sdk
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import llmtrace
from llmtrace.testing.provider import Reply, faults
from tests.instrument.contract.apis_xai import CHAT, client_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

USAGE = {
    "prompt_tokens": 200,
    "prompt_tokens_details": {"cached_tokens": 120},
    "completion_tokens": 40,
    "completion_tokens_details": {"reasoning_tokens": 30},
}


@pytest.fixture
def client(provider: LocalProvider) -> Iterator[Any]:
    made = client_of(provider, grpc_retries=True)
    yield made
    made.close()


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_is_counted_beside_the_completion_as_xai_tells_it(
    client: Any, provider: LocalProvider, recorded: Recorded, stream: bool
) -> None:
    provider.enqueue(Reply(usage=USAGE))

    answer = CHAT.create(client, stream=stream)
    told = list(answer)[-1][0] if stream else answer

    attributes = recorded.attributes()
    assert (told.usage.completion_tokens, told.usage.reasoning_tokens) == (10, 30)
    assert attributes["gen_ai.usage.input_tokens"] == 200
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 120
    assert attributes["gen_ai.usage.output_tokens"] == 40
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 30
    assert attributes["llmtrace.cache.status"] == "hit"


def test_what_grpc_tries_again_by_itself_is_one_call(
    client: Any, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.dropped())

    CHAT.create(client)

    assert len(provider.requests) == 2
    assert recorded.span()["status"] == "unset"


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("stream", [False, True])
def test_a_batch_of_answers_is_one_call(client: Any, recorded: Recorded, stream: bool) -> None:
    chat = client.chat.create(**CHAT.arguments("Where is my parcel?"))

    answers = list(chat.stream_batch(3))[-1][0] if stream else chat.sample_batch(3)

    assert len(answers) == 3
    assert recorded.attributes()["gen_ai.request.choice.count"] == 3


def test_the_sdks_own_span_is_not_a_second_count(client: Any, tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    llmtrace.instrument(home=tmp_path, tracer_provider=provider)

    CHAT.create(client)
    list(CHAT.create(client, stream=True))

    assert [span.name for span in exporter.get_finished_spans()] == ["chat grok-4", "chat grok-4"]


def test_uninstrumenting_gives_the_sdk_its_tracer_back(client: Any, tmp_path: Path) -> None:
    before = xai_sdk.sync.chat.tracer
    llmtrace.instrument(home=tmp_path)
    during = xai_sdk.sync.chat.tracer
    llmtrace.uninstrument()

    assert xai_sdk.sync.chat.tracer is before is not during
