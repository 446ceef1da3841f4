"""The app's own steps: a span each, calls below them, and nothing changed about the function."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import StatusCode, get_current_span

import llmtrace
from llmtrace import trace
from llmtrace.instrument.scope import close_below
from tests.instrument.contract.apis_openai import CHAT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded


def by_name(recorded: Recorded) -> dict[str, dict[str, Any]]:
    """Return the spans by their names."""
    return {span["name"]: span for span in recorded.spans()}


def test_calls_and_steps_hang_below_the_step_they_are_in(
    provider: LocalProvider, recorded: Recorded
) -> None:
    with trace("outer"), trace("inner"):
        CHAT.create(CHAT.client(provider))

    spans = by_name(recorded)
    outer, inner, call = spans["outer"], spans["inner"], spans["chat gpt-4o-mini"]
    assert (outer["parent_span_id"], outer["kind"]) == (None, "internal")
    assert inner["parent_span_id"] == outer["span_id"]
    assert call["parent_span_id"] == inner["span_id"]
    assert len({span["trace_id"] for span in spans.values()}) == 1
    assert outer["start_unix_ns"] <= inner["start_unix_ns"] <= call["start_unix_ns"]
    assert call["end_unix_ns"] <= inner["end_unix_ns"] <= outer["end_unix_ns"]


def test_a_step_says_what_it_is_and_nothing_about_tokens(recorded: Recorded) -> None:
    with llmtrace.attribute(user="u1"), trace("helper", operation="invoke_agent", depth=2) as step:
        step.set("answer", [1, 2])

    span = recorded.span()
    assert span["name"] == "helper"
    assert span["attributes"] == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "helper",
        "depth": 2,
        "answer": [1, 2],
        "user.id": "u1",
    }


def test_an_exception_is_noted_by_class_and_goes_on_unchanged(recorded: Recorded) -> None:
    error = KeyError("secret text")

    with pytest.raises(KeyError) as caught, trace("step"):
        raise error

    span = recorded.span()
    assert caught.value is error
    assert span["status"] == "error"
    assert span["attributes"]["error.type"] == "KeyError"
    assert b"secret text" not in recorded.everything()


def test_a_decorated_function_makes_a_step_a_run(recorded: Recorded) -> None:
    @trace("work")
    def work(number: int) -> int:
        return number * 2

    assert [work(1), work(2)] == [2, 4]
    assert [span["name"] for span in recorded.spans()] == ["work", "work"]


def test_a_decorated_generator_keeps_send_throw_and_return_value(recorded: Recorded) -> None:
    log: list[Any] = []

    @trace("work")
    def work() -> Generator[int, str, str]:
        log.append((yield 1))
        try:
            yield 2
        except ValueError as error:
            log.append(error)
        yield 3
        return "done"

    running, error = work(), ValueError("thrown")
    assert next(running) == 1
    assert running.send("sent") == 2
    assert running.throw(error) == 3
    with pytest.raises(StopIteration) as stop:
        next(running)

    assert stop.value.value == "done"
    assert log == ["sent", error]
    assert recorded.span()["status"] == "unset"


def test_a_decorated_generator_that_is_closed_is_closed_inside(recorded: Recorded) -> None:
    log: list[str] = []

    @trace("work")
    def work() -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            log.append("closed")

    running = work()
    next(running)
    running.close()

    assert log == ["closed"]
    assert recorded.span()["status"] == "unset"


def test_a_generator_never_started_makes_no_step(recorded: Recorded) -> None:
    @trace("work")
    def work() -> Generator[int, None, None]:
        yield 1

    work().close()

    assert recorded.spans() == []


def test_an_error_of_a_decorated_generator_is_noted(recorded: Recorded) -> None:
    @trace("work")
    def work() -> Generator[int, None, None]:
        yield 1
        raise ValueError("the app's")

    with pytest.raises(ValueError, match="the app's"):
        list(work())

    assert recorded.attributes()["error.type"] == "ValueError"


def test_a_generator_leaves_no_context_attached_while_it_is_suspended(
    recorded: Recorded,
) -> None:
    @trace("work")
    def work() -> Generator[int, None, None]:
        assert get_current_span().is_recording()
        yield 1
        assert get_current_span().is_recording()

    running = work()
    next(running)

    assert not get_current_span().is_recording()
    assert list(running) == []


def test_decorated_coroutines_and_async_generators_make_a_step_a_run(
    recorded: Recorded,
) -> None:
    @trace("items")
    async def items() -> AsyncIterator[int]:
        received = yield 1
        assert received == "sent"
        yield 2

    @trace("work")
    async def work() -> list[int]:
        running = items()
        found = [await anext(running), await running.asend("sent")]  # type: ignore[attr-defined]
        assert [item async for item in running] == []
        return found

    assert asyncio.run(work()) == [1, 2]

    spans = by_name(recorded)
    assert spans["items"]["parent_span_id"] == spans["work"]["span_id"]


def test_a_cancelled_step_is_an_error(recorded: Recorded) -> None:
    @trace("work")
    async def work() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert recorded.attributes()["error.type"].endswith("CancelledError")


def test_the_current_span_inside_a_call_takes_attributes_events_and_status(
    provider: LocalProvider, recorded: Recorded
) -> None:
    def on_request(request: Any) -> None:
        span = get_current_span()
        span.set_attribute("app.attempt", 1)
        span.add_event("sending", {"bytes": 3})
        span.set_status(StatusCode.ERROR, "the app says so")
        request.extensions["span"] = span

    client = CHAT.client(provider)
    hooks = client._client.event_hooks
    client._client.event_hooks = {**hooks, "request": [*hooks["request"], on_request]}

    CHAT.create(client)

    span = recorded.span()
    assert span["attributes"]["app.attempt"] == 1
    assert [(e["name"], e["attributes"]) for e in span["events"]] == [("sending", {"bytes": 3})]
    assert (span["status"], span["status_message"]) == ("error", "the app says so")


def test_the_current_span_inside_a_step_takes_attributes(recorded: Recorded) -> None:
    with trace("work"):
        get_current_span().set_attribute("app.key", "value")

    assert recorded.attributes()["app.key"] == "value"


def test_without_instrumentation_steps_are_nothing(tmp_path: Path) -> None:
    @trace("work")
    def work() -> int:
        with trace("inner") as step:
            step.set("key", "value")
            return 1

    assert work() == 1
    assert not get_current_span().is_recording()


def test_a_step_that_is_not_sampled_takes_its_calls_with_it(
    provider: LocalProvider, tmp_path: Path, recorded: Recorded
) -> None:
    llmtrace.instrument(home=tmp_path, sample_ratio=0.0)

    with trace("work"):
        CHAT.create(CHAT.client(provider))
    CHAT.create(CHAT.client(provider))

    assert recorded.spans() == []


def test_one_step_can_run_in_several_threads_at_once(recorded: Recorded) -> None:
    shared = trace("shared")
    inside = threading.Barrier(4)

    def work(number: int) -> None:
        with shared as step:
            inside.wait(5)
            step.set("number", number)
            inside.wait(5)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    spans = recorded.spans()
    assert sorted(span["attributes"]["number"] for span in spans) == [0, 1, 2, 3]
    assert {span["parent_span_id"] for span in spans} == {None}


def test_attributes_set_before_the_first_run_may_have_any_name(recorded: Recorded) -> None:
    step = trace("work")
    step.set("name", "x")
    step.set("operation", "y")

    assert step(lambda: 1)() == 1
    assert recorded.attributes() == {"name": "x", "operation": "y"}


def test_an_attribute_whose_name_is_no_text_spoils_nothing(recorded: Recorded) -> None:
    odd: Any = 7

    with llmtrace.trace("before"):
        pass
    with llmtrace.trace("odd") as step:
        step.set(odd, "set")
        get_current_span().set_attribute(odd, "noted")
        get_current_span().add_event("event", {odd: 1})

    before, found = recorded.spans()
    assert before["name"] == "before"
    assert found["attributes"]["7"] in {"set", "noted"}
    assert found["events"][0]["attributes"] == {"7": 1}


def test_a_generator_that_the_loop_is_closing_is_left_to_it() -> None:
    async def main() -> None:
        held = asyncio.Event()

        async def theirs() -> AsyncGenerator[int]:
            try:
                yield 1
            finally:
                await held.wait()

        steps = theirs()
        await anext(steps)
        closing = asyncio.ensure_future(steps.aclose())
        await asyncio.sleep(0)

        await close_below(steps)

        held.set()
        await closing

    asyncio.run(main())
