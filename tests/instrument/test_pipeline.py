"""The background thread: bounded, restartable, and not to be stopped by a destructor."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import SpanKind

import llmtrace
from llmtrace.config import load_settings
from llmtrace.instrument import guard, runtime
from llmtrace.instrument.finish import Finisher
from llmtrace.instrument.pipeline import Pipeline
from llmtrace.instrument.spans import OwnSpan, unsampled_context
from llmtrace.instrument.step import Step
from tests.instrument.contract.apis_openai import CHAT
from tests.instrument.recording import Recorded, spans_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider


def ended(name: str = "step") -> Step:
    """Return a record as a step leaves it."""
    step = Step(name, {}, OwnSpan(name, SpanKind.INTERNAL, unsampled_context(), None), {})
    step.end_mono_ns = time.monotonic_ns()
    return step


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    return lambda **more: load_settings({}, home=tmp_path, **more)


@pytest.fixture
def build(settings: Any) -> Iterator[Any]:
    """Make pipelines that end with the test."""
    made: list[Pipeline] = []

    def pipeline(**more: object) -> Pipeline:
        chosen = settings(**more)
        made.append(Pipeline(chosen, Finisher(chosen), stores=True))
        return made[-1]

    yield pipeline
    for one in made:
        one.close()


def names(tmp_path: Path) -> list[str]:
    """Return the names of the spans written so far."""
    return [span["name"] for span in spans_in(tmp_path / "spool")]


def wait_for(condition: Any, timeout_s: float = 10.0) -> None:
    """Wait until ``condition()`` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def test_records_are_written_by_themselves_in_the_order_of_their_end(
    build: Any, tmp_path: Path
) -> None:
    pipeline = build()

    for number in range(50):
        pipeline.submit(ended(f"step {number}"))

    wait_for(lambda: len(names(tmp_path)) == 50)
    assert names(tmp_path) == [f"step {number}" for number in range(50)]


def test_beyond_its_byte_limit_the_queue_drops_and_counts(build: Any, tmp_path: Path) -> None:
    pipeline = build(max_queue_bytes=10_000, flush_interval_s=0.2)

    for _ in range(20):
        pipeline.submit(ended())

    assert pipeline.flush(5)
    assert pipeline.dropped["queue_full"] == 20 - len(names(tmp_path))
    assert 0 < len(names(tmp_path)) < 20


def test_drops_are_told_to_the_store_once(build: Any, tmp_path: Path) -> None:
    pipeline = build(max_queue_bytes=10_000, flush_interval_s=0.2)
    for _ in range(20):
        pipeline.submit(ended())
    dropped = pipeline.dropped["queue_full"]
    assert pipeline.flush(5)
    pipeline.submit(ended("later"))
    assert pipeline.flush(5)

    told = [
        span["resource"].get("llmtrace.dropped.queue_full") for span in spans_in(tmp_path / "spool")
    ]
    assert sum(set(told) - {None}) == dropped
    assert told[-1] is None


def test_the_queue_takes_more_once_it_is_written(build: Any, tmp_path: Path) -> None:
    pipeline = build(max_queue_bytes=10_000)

    for _ in range(10):
        for _ in range(3):
            pipeline.submit(ended())
        assert pipeline.flush(5)

    assert len(names(tmp_path)) == 30
    assert not pipeline.dropped


def test_flush_says_whether_all_is_written(build: Any) -> None:
    pipeline = build()
    assert pipeline.flush(0.1)
    pipeline.submit(ended())
    assert pipeline.flush(5)

    with pipeline._work:
        waiting: list[bool] = []
        thread = threading.Thread(target=lambda: waiting.append(pipeline.flush(0.05)))
        thread.start()
        thread.join()
    assert waiting == [False]


def test_a_fault_while_writing_costs_one_batch_and_not_the_thread(
    build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = build()
    real = pipeline._transport.write
    failures = iter([RuntimeError("a fault of ours")])

    def failing_once(*args: Any) -> None:
        for failure in failures:
            raise failure
        real(*args)

    monkeypatch.setattr(pipeline._transport, "write", failing_once)
    pipeline.submit(ended("lost"))
    wait_for(lambda: pipeline.dropped["fault"])
    pipeline.submit(ended("kept"))

    wait_for(lambda: names(tmp_path) == ["kept"])
    assert guard.faults["pipeline"] == 1


def test_a_fault_outside_of_batches_does_not_end_the_thread(
    build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = build()
    failures = iter([OSError("a fault of ours")])

    def failing_once() -> None:
        for failure in failures:
            raise failure

    monkeypatch.setattr(pipeline._transport, "retry", failing_once)
    pipeline.submit(ended("first"))
    wait_for(lambda: guard.faults["thread"])
    pipeline.submit(ended("second"))

    wait_for(lambda: names(tmp_path) == ["first", "second"])


def test_a_destructor_may_end_a_call_anywhere_in_the_idle_thread(
    build: Any, tmp_path: Path
) -> None:
    """Play the garbage collector: end a forgotten call at every step into, and out of, waiting."""
    pipeline = build(flush_interval_s=0.0005)
    steps = target = ended_here = 0

    def collect(_frame: Any, _event: str, _argument: Any) -> None:
        nonlocal steps, ended_here
        if threading.current_thread().name != "llmtrace":
            return
        steps = steps + 1 if pipeline._is_idle else 0
        if steps and steps == target:
            ended_here += 1
            pipeline.submit(ended())

    threading.setprofile(collect)
    try:
        pipeline.submit(ended())
        wait_for(lambda: names(tmp_path))
    finally:
        threading.setprofile(None)
    for number in range(60):
        target = number % 12 + 1
        # A thread that sleeps takes no steps: wake it.
        pipeline.submit(ended())
        time.sleep(0.003)

    assert ended_here > 10
    wait_for(lambda: len(names(tmp_path)) == 61 + ended_here)


def test_a_destructor_may_end_a_call_while_the_thread_is_being_started(
    build: Any, tmp_path: Path
) -> None:
    pipeline = build()
    left = 50

    def collect(_frame: Any, _event: str, _argument: Any) -> None:
        nonlocal left
        if left:
            left -= 1
            pipeline.submit(ended())

    import sys

    sys.setprofile(collect)
    try:
        pipeline.submit(ended())
    finally:
        sys.setprofile(None)

    assert pipeline.flush(10)
    assert len(names(tmp_path)) == 51 - left
    running = [thread for thread in threading.enumerate() if thread is pipeline._thread]
    assert len(running) == 1


def test_a_read_only_home_keeps_calls_in_memory_until_it_can_be_written(
    provider: LocalProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "home"
    home.write_text("a file where the folder should be")
    llmtrace.instrument(home=home)
    client = CHAT.client(provider)
    for _ in range(3):
        CHAT.create(client)

    assert not llmtrace.flush(2)
    assert "keeps spans in memory" in caplog.text
    assert runtime.active is not None
    assert runtime.active.pipeline.dropped["disk_refused"] == 0

    home.unlink()
    assert llmtrace.flush(5)
    assert len(Recorded(home).spans()) == 3


def test_a_disk_that_stays_full_costs_the_oldest_and_bounded_memory(
    build: Any, tmp_path: Path
) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    pipeline = build(max_queue_bytes=20_000)

    for number in range(300):
        pipeline.submit(ended(f"step {number}"))
        pipeline.flush(0.01)

    waiting = pipeline._transport._waiting_bytes
    assert waiting <= 20_000
    assert pipeline.dropped["disk_refused"] > 0
    (tmp_path / "spool").unlink()
    assert pipeline.flush(5)
    assert names(tmp_path)[-1] == "step 299"
    assert len(names(tmp_path)) == 300 - pipeline.dropped["disk_refused"]


def test_many_threads_lose_nothing(provider: LocalProvider, recorded: Recorded) -> None:
    client = CHAT.client(provider)

    def work(number: int) -> None:
        with llmtrace.trace(f"work {number}"):
            for _ in range(5):
                CHAT.create(client)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    spans = recorded.spans()
    steps = {s["span_id"]: s["name"] for s in spans if s["kind"] == "internal"}
    calls = [s for s in spans if s["kind"] == "client"]
    assert len(steps) == 16
    assert len(calls) == 80
    assert {parent: sum(c["parent_span_id"] == parent for c in calls) for parent in steps} == (
        dict.fromkeys(steps, 5)
    )
