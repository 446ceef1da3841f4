"""From the SDK over OTLP/HTTP into a running collector, with and without a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

import llmtrace
from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.spool import list_segments
from llmtrace.store import open_store
from llmtrace.testing.provider import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

ASK: Any = [{"role": "user", "content": "hello, how are you today?"}]


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    with LocalProvider() as running:
        yield running
    llmtrace.uninstrument()


def ask(provider: LocalProvider) -> None:
    client = openai.OpenAI(base_url=provider.openai_url, api_key="none")
    client.chat.completions.create(model="gpt-5-mini", messages=ASK)


def stored(home: Path) -> list[dict[str, Any]]:
    with open_store(home) as store:
        store.refresh()
        return store.sql("select span_id, cost_usd, model from llm_calls").to_pylist()


@pytest.mark.parametrize("token", [None, "a-long-random-text-for-this-test"])
def test_calls_reach_the_collector_and_leave_no_segment_behind(
    token: str | None, provider: LocalProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, home = tmp_path / "app", tmp_path / "collector"
    with Collector(load_settings({}, home=home, token=token), port=0) as collector:
        headers = {"authorization": f"Bearer {token}"} if token else None
        llmtrace.instrument(endpoint=collector.url, headers=headers, home=app)

        ask(provider)

        assert llmtrace.flush(10)
        llmtrace.uninstrument()
        if token:
            monkeypatch.setenv("LLMTRACE_TOKEN", token)
        (row,) = stored(home)
    assert row["model"].startswith("gpt-5-mini")
    assert row["cost_usd"] > 0
    assert not (app / "spool").exists()


def test_a_collector_that_comes_late_gets_what_waited(
    provider: LocalProvider, tmp_path: Path
) -> None:
    app, home = tmp_path / "app", tmp_path / "collector"
    with Collector(load_settings({}, home=home), port=0) as first:
        port = int(first.url.rpartition(":")[2])
    llmtrace.instrument(endpoint=first.url, home=app)
    for _ in range(3):
        ask(provider)
    assert not llmtrace.flush(0.5)

    with Collector(load_settings({}, home=home), port=port):
        delivered = llmtrace.flush(20)
        rows = stored(home)

    assert delivered
    assert len(rows) == len({row["span_id"] for row in rows}) == 3
    (outbox,) = (app / "outbox").iterdir()
    assert len(list_segments(outbox)) <= 1


class _Kept(SpanExporter):
    """Keeps the ids that reached the app's own backend."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.ids += [f"{span.context.span_id:016x}" for span in spans if span.context]
        return SpanExportResult.SUCCESS


def test_a_given_provider_gets_the_spans_and_nothing_else_is_set_up(
    provider: LocalProvider, tmp_path: Path
) -> None:
    kept = _Kept()
    backend = TracerProvider()
    backend.add_span_processor(SimpleSpanProcessor(kept))
    llmtrace.instrument(tracer_provider=backend, home=tmp_path / "home")

    ask(provider)

    assert len(kept.ids) == 1
    assert not (tmp_path / "home").exists()
