"""What every framework's runs say: each billed inference counted once, the structure above it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context

import llmtrace
from llmtrace.testing.provider import Answer, Reply, faults
from tests.instrument.contract.frameworks import TOOL, Framework, discovered
from tests.instrument.integrations.trees import counted, named, paths
from tests.instrument.recording import Recorded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider

FRAMEWORKS = discovered()
ASKING = [framework for framework in FRAMEWORKS if framework.asks_model]


def each(ways: str, wanted: Iterable[Framework] = FRAMEWORKS) -> Any:
    """Return the mark that runs a test for each framework, in each of its ``ways``."""
    cases = [
        pytest.param(framework, way, id=f"{framework.id}-{way}")
        for framework in wanted
        for way in getattr(framework, ways)
    ]
    return pytest.mark.parametrize(("framework", "way"), cases)


def each_of(field: str) -> Any:
    """Return the mark that runs a test for each framework that has this."""
    cases = [pytest.param(item, id=item.id) for item in FRAMEWORKS if getattr(item, field)]
    return pytest.mark.parametrize("framework", cases)


def run(
    framework: Framework,
    provider: LocalProvider,
    way: str,
    *,
    leave: bool = False,
    retries: int = 0,
) -> None:
    """Ask the framework's agent something; whatever happens, the caller's context is its own."""
    before = context.get_current()
    try:
        framework.run(provider, way, "Reykjavik", leave=leave, retries=retries)
    finally:
        assert context.get_current() is before


# LlamaIndex' own code calls what pydantic has deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestFramework:
    """The contract of a framework."""

    @each("above")
    def test_a_call_is_one_counted_span_below_the_structure(
        self, framework: Framework, way: str, provider: LocalProvider, recorded: Recorded
    ) -> None:
        provider.enqueue(framework.last_reply)

        run(framework, provider, way)

        spans = recorded.spans()
        assert len(counted(spans)) == len(provider.requests) == framework.asks_model
        assert sorted(paths(spans)) == framework.expected(way, tools=not framework.asks_model)
        assert {span["kind"] for span in spans if span not in counted(spans)} <= {"internal"}

    @each("tool_ways", ASKING)
    def test_a_tool_is_called_between_two_counted_turns(
        self, framework: Framework, way: str, provider: LocalProvider, recorded: Recorded
    ) -> None:
        provider.enqueue(*framework.calls_tool())

        run(framework, provider, way)

        spans = recorded.spans()
        told = named(spans, TOOL)["attributes"]
        assert len(counted(spans)) == len(provider.requests) == 2
        assert sorted(paths(spans)) == framework.expected(way, turns=2, tools=1)
        assert '"Rome"' in told["gen_ai.tool.call.arguments"]
        assert told["gen_ai.tool.call.result"] == "Sunny in Rome."

    @each("leave_ways")
    def test_a_stream_left_early_is_counted_once(
        self, framework: Framework, way: str, provider: LocalProvider, recorded: Recorded
    ) -> None:
        # Slow, so that what was left unread had not arrived anyway.
        provider.enqueue(Reply(answer=Answer(text="word " * 60), chunk_delay_s=0.02))

        run(framework, provider, way, leave=True)

        spans = recorded.spans()
        (call,) = counted(spans)
        assert len(provider.requests) == 1
        assert call["attributes"]["gen_ai.usage.output_tokens"] > 0
        assert sorted(paths(spans)) == framework.expected(way)

    @each("above", ASKING)
    def test_a_refusal_is_one_failed_span_that_costs_nothing(
        self, framework: Framework, way: str, provider: LocalProvider, recorded: Recorded
    ) -> None:
        provider.enqueue(faults.refused(400))

        with pytest.raises(Exception):  # noqa: B017, PT011  # which one is the framework's business
            run(framework, provider, way)

        spans = recorded.spans()
        (call,) = counted(spans)
        assert len(provider.requests) == 1
        assert sorted(paths(spans)) == framework.expected(way)
        assert (call["status"], call["attributes"]["http.response.status_code"]) == ("error", 400)
        assert not [name for name in call["attributes"] if name.startswith("gen_ai.usage")]

    @each("above", ASKING)
    def test_what_the_sdk_tries_again_is_counted_once(
        self, framework: Framework, way: str, provider: LocalProvider, recorded: Recorded
    ) -> None:
        provider.enqueue(faults.rate_limited(), framework.last_reply)

        run(framework, provider, way, retries=1)

        (call,) = counted(recorded.spans())
        assert len(provider.requests) == 2
        assert call["attributes"]["llmtrace.retry.count"] == 1

    @each_of("cancel")
    def test_a_cancelled_run_leaves_one_failed_call(
        self, framework: Framework, provider: LocalProvider, recorded: Recorded
    ) -> None:
        provider.enqueue(Reply(delay_s=30))

        async def cancelled() -> None:
            assert framework.cancel is not None
            running = asyncio.create_task(framework.cancel(provider))
            while not provider.requests:  # noqa: ASYNC110  # the provider is in another thread
                await asyncio.sleep(0.01)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

        asyncio.run(cancelled())

        (call,) = counted(recorded.spans())
        assert call["status"] == "error"
        assert call["attributes"]["error.type"] == "asyncio.CancelledError"

    @each_of("alone")
    def test_a_model_that_no_sdk_is_behind_is_counted_by_the_framework(
        self, framework: Framework, recorded: Recorded
    ) -> None:
        assert framework.alone is not None
        framework.alone("Quixotic")

        (call,) = counted(recorded.spans())
        assert call["attributes"]["llmtrace.api"] == "framework"
        assert call["attributes"]["llmtrace.response.body"]
        assert call["parent_span_id"]

    @each_of("alone")
    @pytest.mark.parametrize("setting", [{"sample_ratio": 0}, {"capture_content": "none"}])
    def test_such_a_model_is_not_sampled_and_not_quoted_either(
        self, framework: Framework, setting: Any, tmp_path: Path
    ) -> None:
        llmtrace.instrument(home=tmp_path, **setting)
        assert framework.alone is not None
        framework.alone("Quixotic")

        recorded = Recorded(tmp_path)
        assert len(counted(recorded.spans())) == ("capture_content" in setting)
        for word in (b"Quixotic", b"nobody"):
            assert word not in recorded.everything()

    @each("above")
    def test_what_is_not_sampled_has_neither_structure_nor_calls(
        self, framework: Framework, way: str, provider: LocalProvider, tmp_path: Path
    ) -> None:
        llmtrace.instrument(home=tmp_path, sample_ratio=0)
        provider.enqueue(framework.last_reply)

        run(framework, provider, way)

        assert Recorded(tmp_path).spans() == []

    @each("tool_ways")
    def test_without_content_no_word_leaves_the_process(
        self, framework: Framework, way: str, provider: LocalProvider, tmp_path: Path
    ) -> None:
        llmtrace.instrument(home=tmp_path, capture_content="none")
        provider.enqueue(*framework.calls_tool())

        run(framework, provider, way)

        recorded = Recorded(tmp_path)
        spans = recorded.spans()
        turns = 2 * framework.asks_model
        assert sorted(paths(spans)) == framework.expected(way, turns=turns, tools=1)
        for word in (b"Reykjavik", b"Rome", b"Sunny"):
            assert word not in recorded.everything()

    @each("above")
    def test_after_uninstrument_nothing_is_recorded_until_it_is_instrumented_again(
        self, framework: Framework, way: str, provider: LocalProvider, tmp_path: Path
    ) -> None:
        recorded = Recorded(tmp_path)
        provider.enqueue(framework.last_reply, framework.last_reply)

        llmtrace.instrument(home=tmp_path)
        llmtrace.uninstrument()
        run(framework, provider, way)
        unwatched = recorded.spans()
        llmtrace.instrument(home=tmp_path)
        run(framework, provider, way)

        assert unwatched == []
        tools = not framework.asks_model
        assert sorted(paths(recorded.spans())) == framework.expected(way, tools=tools)
