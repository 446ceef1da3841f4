"""Streams that ask for nothing until their first step: laziness, endings, names, types."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

from llmtrace import semconv
from llmtrace.instrument import invocation
from llmtrace.instrument.integrations import cohere
from llmtrace.instrument.integrations._base import Endpoint
from llmtrace.instrument.integrations.first_step import (
    observed_async_generator,
    observed_async_manager,
    observed_generator,
    observed_manager,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.instrument.recording import Recorded

CHAT = Endpoint(api=semconv.API_COHERE_CHAT, operation=semconv.OP_CHAT)


def begin(*_: Any) -> Any:
    return invocation.begin(cohere.INTEGRATION, CHAT, "m", None)


def current() -> bool:
    """Say whether a call is current."""
    return trace.get_current_span().get_span_context().is_valid


def steps(*, fails: bool = False) -> Iterator[bool]:
    yield current()
    yield current()
    if fails:
        raise ValueError("no more")


async def async_steps(*, fails: bool = False) -> AsyncIterator[bool]:
    for step in steps(fails=fails):
        yield step


async def made_async(**options: bool) -> Any:
    return async_steps(**options)


def watched(**options: bool) -> Any:
    return observed_generator(begin)(steps, None, (), options)


async def watched_async(**options: bool) -> Any:
    return await observed_async_generator(begin)(made_async, None, (), options)


def outcome(span: dict[str, Any]) -> tuple[str, str | None]:
    return span["status"], span["attributes"].get("error.type")


def test_nothing_happens_before_the_first_step_and_only_it_is_inside_the_call(
    recorded: Recorded,
) -> None:
    unused, made = watched(), watched()
    del unused
    assert recorded.spans() == []

    inside = list(made)

    assert inside == [True, False]
    assert not current()
    assert outcome(recorded.span()) == ("unset", None)


def test_a_generator_keeps_type_and_name(recorded: Recorded) -> None:
    made = watched()

    assert recorded
    assert type(made) is GeneratorType
    assert (made.__name__, made.__qualname__) == ("steps", "steps")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_error_of_a_later_step_is_the_calls(recorded: Recorded, is_async: bool) -> None:
    async def read() -> None:
        if is_async:
            async for _ in await watched_async(fails=True):
                pass
        else:
            list(watched(fails=True))

    with pytest.raises(ValueError, match="no more"):
        asyncio.run(read())

    assert outcome(recorded.span()) == ("error", "ValueError")


def test_a_generator_that_is_left_ends_the_call_once(recorded: Recorded) -> None:
    made = watched()
    next(made)
    made.close()
    del made
    gc.collect()

    assert outcome(recorded.span()) == ("unset", None)


def test_an_error_thrown_in_is_the_calls(recorded: Recorded) -> None:
    made = watched()
    next(made)

    with pytest.raises(KeyError):
        made.throw(KeyError("theirs"))

    assert outcome(recorded.span()) == ("error", "KeyError")


def test_an_async_generator_keeps_its_type_and_ends_the_call(recorded: Recorded) -> None:
    async def read() -> list[bool]:
        made = await watched_async()
        assert type(made) is AsyncGeneratorType
        return [step async for step in made]

    assert asyncio.run(read()) == [True, False]
    assert outcome(recorded.span()) == ("unset", None)


def test_an_async_generator_without_a_loop_is_ended_by_its_collection(recorded: Recorded) -> None:
    made: Any = None
    coroutine = watched_async()
    try:
        coroutine.send(None)
    except StopIteration as stop:
        made = stop.value
    with pytest.raises(StopIteration):
        made.__anext__().send(None)

    del made
    gc.collect()

    assert recorded.span()["name"] == "chat m"


@contextlib.contextmanager
def entered(*, fails: bool = False) -> Iterator[bool]:
    if fails:
        raise ValueError("refused")
    yield current()


@contextlib.asynccontextmanager
async def entered_async(*, fails: bool = False) -> AsyncIterator[bool]:
    if fails:
        raise ValueError("refused")
    yield current()


def test_a_manager_is_the_sdks_own_and_only_entering_it_is_the_call(recorded: Recorded) -> None:
    manager = observed_manager(begin)(entered, None, (), {})
    assert type(manager) is type(entered())
    assert recorded.spans() == []

    def use() -> None:
        with manager as inside:
            assert inside
            assert not current()
            raise OSError("the app's")

    with pytest.raises(OSError, match="the app's"):
        use()

    assert outcome(recorded.span()) == ("unset", None)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_manager_that_cannot_be_entered_fails_the_call(
    recorded: Recorded, is_async: bool
) -> None:
    async def enter() -> None:
        if is_async:
            async with observed_async_manager(begin)(entered_async, None, (), {"fails": True}):
                pass
        else:
            with observed_manager(begin)(entered, None, (), {"fails": True}):
                pass

    with pytest.raises(ValueError, match="refused"):
        asyncio.run(enter())

    assert outcome(recorded.span()) == ("error", "ValueError")


def test_what_is_no_generator_and_no_manager_is_handed_on(recorded: Recorded) -> None:
    assert observed_generator(begin)(dict, None, (), {}) == {}
    assert observed_manager(begin)(dict, None, (), {}) == {}
    assert recorded.spans() == []
