"""An app with OpenTelemetry of its own: one trace, one set of ids, nothing twice, nothing lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

import llmtrace
from llmtrace.instrument import guard
from llmtrace.testing.provider import Reply, faults
from tests.instrument.contract.apis_anthropic import MESSAGES
from tests.instrument.contract.apis_openai import CHAT
from tests.instrument.recording import Recorded, spans_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider

PROCESSORS = [
    pytest.param(SimpleSpanProcessor, id="simple"),
    pytest.param(lambda exporter: BatchSpanProcessor(exporter, 60_000), id="batch"),
]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., InMemorySpanExporter]]:
    """Set up OpenTelemetry as an app does, for one test: the global can be set but once."""
    made: list[TracerProvider] = []

    def build(processor: Any = SimpleSpanProcessor, **options: Any) -> InMemorySpanExporter:
        exporter = InMemorySpanExporter()
        tracer_provider = TracerProvider(**options)
        tracer_provider.add_span_processor(processor(exporter))
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", tracer_provider)
        made.append(tracer_provider)
        return exporter

    yield build
    llmtrace.uninstrument()
    for tracer_provider in made:
        tracer_provider.shutdown()


def hexed(span: Any) -> tuple[str, str, str | None]:
    """Return trace, span and parent id of an exported span as hex."""
    parent = f"{span.parent.span_id:016x}" if span.parent else None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", parent


@pytest.mark.parametrize("processor", PROCESSORS)
def test_our_spans_join_the_apps_trace_with_the_same_ids_in_both_places(
    provider: LocalProvider, install: Any, tmp_path: Path, processor: Any
) -> None:
    guard.set_strict(strict=True)
    exporter = install(processor, resource=Resource.create({"service.name": "shop"}))
    llmtrace.instrument(home=tmp_path)
    tracer = trace.get_tracer("app")

    with tracer.start_as_current_span("handle request"), llmtrace.trace("answer"):
        CHAT.create(CHAT.client(provider))
    trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]  # the SDK's

    exported = {span.name: span for span in exporter.get_finished_spans()}
    assert exported.keys() == {"handle request", "answer", "chat gpt-4o-mini"}
    request, answer, call = (
        hexed(exported[name]) for name in ("handle request", "answer", "chat gpt-4o-mini")
    )
    assert answer[2] == request[1]
    assert call[2] == answer[1]
    assert {request[0], answer[0], call[0]} == {request[0]}
    stored = Recorded(tmp_path).spans()
    assert sorted((s["trace_id"], s["span_id"], s["parent_span_id"]) for s in stored) == sorted(
        [answer, call]
    )
    assert {span["resource"]["service.name"] for span in stored} == {"shop"}


def test_both_copies_agree_on_times_and_attributes(
    provider: LocalProvider, install: Any, tmp_path: Path
) -> None:
    exporter = install()
    llmtrace.instrument(home=tmp_path)

    CHAT.create(CHAT.client(provider), "Hello there")

    (exported,) = exporter.get_finished_spans()
    stored = Recorded(tmp_path).span()
    assert (stored["start_unix_ns"], stored["end_unix_ns"]) == (
        exported.start_time,
        exported.end_time,
    )
    bodies = {"llmtrace.request.body", "llmtrace.response.body", "llmtrace.usage.raw"}
    for name, value in stored["attributes"].items():
        if name not in bodies:
            shown = exported.attributes[name]
            assert (list(shown) if isinstance(shown, tuple) else shown) == value
    assert not bodies & exported.attributes.keys()
    (message,) = json.loads(exported.attributes["gen_ai.input.messages"])
    assert message["parts"] == [{"type": "text", "content": "Hello there"}]
    assert json.loads(exported.attributes["gen_ai.output.messages"])[0]["role"] == "assistant"


def test_a_failed_call_is_an_error_in_both_places(
    provider: LocalProvider, install: Any, tmp_path: Path
) -> None:
    exporter = install()
    llmtrace.instrument(home=tmp_path)
    provider.enqueue(faults.rate_limited(times=2))

    with pytest.raises(Exception, match="429"):
        CHAT.create(CHAT.client(provider, retries=1))

    (exported,) = exporter.get_finished_spans()
    assert exported.status.status_code is StatusCode.ERROR
    assert [event.name for event in exported.events] == ["llmtrace.retry"]
    assert Recorded(tmp_path).span()["status"] == "error"


def test_a_simple_processor_has_the_span_when_the_call_returns(
    provider: LocalProvider, install: Any, tmp_path: Path
) -> None:
    exporter = install(SimpleSpanProcessor)
    llmtrace.instrument(home=tmp_path)

    CHAT.create(CHAT.client(provider))

    assert [span.name for span in exporter.get_finished_spans()] == ["chat gpt-4o-mini"]


@pytest.mark.parametrize("processor", PROCESSORS)
def test_the_anthropic_sdks_own_span_is_not_a_second_one(
    provider: LocalProvider, install: Any, tmp_path: Path, processor: Any
) -> None:
    exporter = install(processor)
    llmtrace.instrument(home=tmp_path)
    client = MESSAGES.client(provider)

    MESSAGES.create(client)
    list(MESSAGES.create(client, stream=True))
    with client.messages.stream(model=MESSAGES.model, **MESSAGES.asked("Hi")) as stream:
        stream.get_final_message()
    trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]  # the SDK's

    names = [span.name for span in exporter.get_finished_spans()]
    assert names == ["chat claude-haiku-4-5"] * 3
    assert len(Recorded(tmp_path).spans()) == 3


def test_after_uninstrument_the_anthropic_sdks_own_span_is_back(
    provider: LocalProvider, install: Any, tmp_path: Path
) -> None:
    exporter = install()
    client = MESSAGES.client(provider)
    MESSAGES.create(client)
    before = [span.name for span in exporter.get_finished_spans()]
    llmtrace.instrument(home=tmp_path)
    llmtrace.uninstrument()
    exporter.clear()

    MESSAGES.create(client)

    assert [span.name for span in exporter.get_finished_spans()] == before


def test_a_given_provider_gets_the_spans_alone(
    provider: LocalProvider, install: Any, tmp_path: Path
) -> None:
    global_exporter = install()
    exporter = InMemorySpanExporter()
    given = TracerProvider()
    given.add_span_processor(SimpleSpanProcessor(exporter))
    llmtrace.instrument(home=tmp_path, tracer_provider=given)

    with llmtrace.trace("step"):
        CHAT.create(CHAT.client(provider))
    assert llmtrace.flush()

    assert [s.name for s in exporter.get_finished_spans()] == ["chat gpt-4o-mini", "step"]
    assert global_exporter.get_finished_spans() == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["force_flush", "shutdown"])
def test_flushing_and_shutting_down_the_provider_lose_nothing(
    provider: LocalProvider, tmp_path: Path, how: str
) -> None:
    received: list[str] = []

    class Keeping(SpanExporter):
        def export(self, spans: Any) -> Any:
            received.extend(span.name for span in spans)

    given = TracerProvider()
    given.add_span_processor(BatchSpanProcessor(Keeping(), 60_000))
    llmtrace.instrument(home=tmp_path, tracer_provider=given, flush_interval_s=30)
    client = CHAT.client(provider)
    for _ in range(20):
        CHAT.create(client)

    getattr(given, how)()

    assert received == ["chat gpt-4o-mini"] * 20


def test_what_the_apps_sampler_drops_is_dropped_everywhere(
    provider: LocalProvider, install: Any, tmp_path: Path
) -> None:
    exporter = install(sampler=ALWAYS_OFF)
    llmtrace.instrument(home=tmp_path)

    with llmtrace.trace("step"):
        CHAT.create(CHAT.client(provider))
    MESSAGES.create(MESSAGES.client(provider))
    assert llmtrace.flush()

    assert exporter.get_finished_spans() == ()
    assert spans_in(tmp_path / "spool") == []


def test_a_provider_set_up_after_instrument_is_joined(
    provider: LocalProvider, install: Any, tmp_path: Path
) -> None:
    llmtrace.instrument(home=tmp_path)
    client = CHAT.client(provider)
    CHAT.create(client)

    exporter = install()
    CHAT.create(client)

    assert len(exporter.get_finished_spans()) == 1
    assert len(Recorded(tmp_path).spans()) == 2


def test_an_exporter_that_raises_is_not_the_callers_business(
    provider: LocalProvider, install: Any, tmp_path: Path
) -> None:
    class Broken(SpanExporter):
        def export(self, spans: Any) -> Any:
            raise RuntimeError("the exporter failed")

    install(lambda _: SimpleSpanProcessor(Broken()))
    llmtrace.instrument(home=tmp_path)

    assert CHAT.create(CHAT.client(provider)).choices
    assert len(Recorded(tmp_path).spans()) == 1


def test_a_span_processor_that_raises_is_not_the_callers_business(
    provider: LocalProvider, install: Any, tmp_path: Path
) -> None:
    class Broken(SimpleSpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            raise RuntimeError("the processor failed")

    install(Broken)
    llmtrace.instrument(home=tmp_path)

    assert CHAT.create(CHAT.client(provider)).choices


def test_a_stream_ends_its_span_when_it_ends(
    provider: LocalProvider, install: Any, tmp_path: Path
) -> None:
    exporter = install()
    llmtrace.instrument(home=tmp_path)
    provider.enqueue(Reply(chunk_delay_s=0.005))

    stream = CHAT.create(CHAT.client(provider), stream=True)
    next(stream)
    assert exporter.get_finished_spans() == ()
    list(stream)

    (exported,) = exporter.get_finished_spans()
    assert exported.attributes["llmtrace.stream.outcome"] == "completed"


def test_instrumenting_again_puts_no_second_processor_into_the_apps_provider(
    provider: LocalProvider, tmp_path: Path
) -> None:
    backend = TracerProvider()
    for name in ("one", "two", "three"):
        llmtrace.instrument(tracer_provider=backend, home=tmp_path / name)
        client = openai.OpenAI(base_url=provider.openai_url, api_key="none")
        client.chat.completions.create(
            model="gpt-5-mini", messages=[{"role": "user", "content": "hello"}]
        )

    processors = backend._active_span_processor._span_processors

    assert len(processors) == 1
