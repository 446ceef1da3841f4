"""What all frameworks share: spans of structure, and who counts where several see one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import llmtrace
from llmtrace.instrument.integrations import frameworks, langchain
from llmtrace.instrument.integrations.framework_calls import Told, open_model_call
from llmtrace.otlp.decode import PlainSpan
from llmtrace.otlp.normalize import normalize
from tests.instrument.contract.apis_openai import CHAT

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

OURS = langchain.INTEGRATION


def foreign_provider(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, InMemorySpanExporter]:
    """Set up OpenTelemetry as an app does; return another tool's tracer and what is exported."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return provider.get_tracer("other.tool"), exporter


def hexed(span: Any) -> str:
    return f"{span.get_span_context().span_id:016x}"


def model_call(inside: Any = None, **told: Any) -> None:
    """Make one model call of a framework, with ``inside`` run in it."""
    call = open_model_call(OURS, "m", "p", context.get_current())
    assert call is not None
    call.was_entered = True
    before = frameworks.enter(call.context)
    if inside is not None:
        inside()
    frameworks.leave(before, call.context)
    call.end(lambda: Told(**told))


def test_with_the_apps_own_provider_structure_is_in_its_trace(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer, exporter = foreign_provider(monkeypatch)

    with tracer.start_as_current_span("request"):
        tool = frameworks.open_structure(OURS, "execute_tool", "weather")
        assert tool is not None
        frameworks.close_structure(tool, ValueError("secret"), content={"result": "[1]"})

    told, request = exporter.get_finished_spans()
    assert told.name == "execute_tool weather"
    assert told.parent is not None
    assert told.parent.span_id == int(hexed(request), 16)
    assert dict(told.attributes or {})["error.type"] == "ValueError"
    assert recorded.span()["span_id"] == hexed(told)


def test_a_model_call_that_nobody_counted_keeps_its_own_start_in_the_apps_trace(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, exporter = foreign_provider(monkeypatch)

    model_call(usage={"input_tokens": 3, "output_tokens": 2})

    (told,) = exporter.get_finished_spans()
    span = recorded.span()
    assert (told.start_time, told.end_time) == (span["start_unix_ns"], span["end_unix_ns"])
    assert span["start_unix_ns"] < span["end_unix_ns"]
    assert dict(told.attributes or {})["gen_ai.usage.input_tokens"] == 3


def test_of_frameworks_within_frameworks_the_innermost_counts(recorded: Recorded) -> None:
    model_call(lambda: model_call(response_id="inner"), response_id="outer")

    assert recorded.attributes()["gen_ai.response.id"] == "inner"


def test_a_call_whose_inside_we_did_not_run_is_not_counted(recorded: Recorded) -> None:
    call = open_model_call(OURS, "m", "p", context.get_current())
    assert call is not None
    call.end(lambda: Told(usage={"input_tokens": 3, "output_tokens": 2}))

    assert recorded.spans() == []


def test_an_sdks_call_inside_counts_alone(provider: LocalProvider, recorded: Recorded) -> None:
    model_call(lambda: CHAT.create(CHAT.client(provider)))

    assert recorded.span()["name"] == "chat gpt-4o-mini"


@pytest.mark.parametrize(
    "kind", [{"gen_ai.operation.name": "chat"}, {"openinference.span.kind": "LLM"}]
)
def test_another_tools_span_around_the_same_call_is_told_that_ours_counts(
    kind: Any, provider: LocalProvider, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer, exporter = foreign_provider(monkeypatch)

    with (
        tracer.start_as_current_span("agent", attributes={"gen_ai.operation.name": "invoke_agent"}),
        tracer.start_as_current_span("theirs", attributes=kind),
    ):
        CHAT.create(CHAT.client(provider))

    told = {span.name: dict(span.attributes or {}) for span in exporter.get_finished_spans()}
    assert told["theirs"]["llmtrace.counted_below"] is True
    assert "llmtrace.counted_below" not in told["agent"]
    assert len(recorded.spans()) == 1


@pytest.mark.parametrize(("marked", "is_counted"), [(True, False), (False, True), ("x", True)])
def test_a_span_so_told_is_stored_and_not_counted(marked: object, is_counted: bool) -> None:
    attributes: dict[str, object] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 3,
        "llmtrace.counted_below": marked,
    }
    span = PlainSpan(
        trace_id=b"t" * 16, span_id=7, parent_span_id=None, name="chat", kind=1,
        start_ns=1, end_ns=2, attributes=attributes, events=(), links=(), status=0,
        status_message="", resource={}, scope_name="other", scope_version="", shortened=(),
    )  # fmt: skip

    row = normalize(span).row

    assert row.is_inference is is_counted
    assert row.input_tokens == 3


def test_content_that_cannot_be_shown_is_left_out(recorded: Recorded) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    tool = frameworks.open_structure(OURS, "execute_tool", "t", content={"a": Odd(), "b": {1: 2}})
    assert tool is not None
    frameworks.close_structure(tool)

    attributes = recorded.attributes()
    assert "a" not in attributes
    assert attributes["b"] == '{"1": 2}'


def test_what_a_tool_gives_is_bounded(tmp_path: Path, recorded: Recorded) -> None:
    llmtrace.instrument(home=tmp_path, max_body_bytes=1_000)

    tool = frameworks.open_structure(OURS, "execute_tool", "t", content={"a": "x" * 5_000})
    assert tool is not None
    frameworks.close_structure(tool)

    assert len(recorded.attributes()["a"]) <= 1_000


def test_nothing_is_recorded_for_an_integration_that_was_not_asked_for(
    tmp_path: Path, recorded: Recorded
) -> None:
    llmtrace.instrument("openai", home=tmp_path)

    assert frameworks.open_structure(OURS, "execute_tool", "t") is None
    assert open_model_call(OURS, "m", "p", context.get_current()) is None
