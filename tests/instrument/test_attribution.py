"""Who a call is charged to: through nesting, threads, tasks, decorators of every kind."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, context

from llmtrace import attribute
from tests.instrument.contract.apis_openai import CHAT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

NAMES = {
    "user.id": "user",
    "llmtrace.tenant": "tenant",
    "gen_ai.conversation.id": "session",
    "llmtrace.feature": "feature",
}


def charged(span: dict[str, Any]) -> dict[str, Any]:
    """Return whom a span is charged to, by argument name of ``attribute``."""
    found = {name: span["attributes"].get(key) for key, name in NAMES.items()}
    tags = {
        key.removeprefix("llmtrace.tag."): value
        for key, value in span["attributes"].items()
        if key.startswith("llmtrace.tag.")
    }
    return {name: value for name, value in found.items() if value is not None} | tags


@pytest.fixture
def ask(provider: LocalProvider, recorded: Recorded) -> Any:
    """Make one call; the text is of no interest."""
    client = CHAT.client(provider)
    return lambda: CHAT.create(client)


def test_every_field_and_tag_is_on_the_span(ask: Any, recorded: Recorded) -> None:
    with attribute(user="u1", tenant="t1", session="s1", feature="f1", team="blue", seat=7):
        ask()

    assert charged(recorded.span()) == {
        "user": "u1",
        "tenant": "t1",
        "session": "s1",
        "feature": "f1",
        "team": "blue",
        "seat": "7",
    }


def test_nested_uses_add_up_and_the_inner_one_wins(ask: Any, recorded: Recorded) -> None:
    with attribute(user="outer", tenant="t1"):
        with attribute(user="inner", feature="f1", tenant=None):
            ask()
        ask()
    ask()

    assert [charged(span) for span in recorded.spans()] == [
        {"user": "inner", "tenant": "t1", "feature": "f1"},
        {"user": "outer", "tenant": "t1"},
        {},
    ]


def test_a_decorated_function_is_charged(ask: Any, recorded: Recorded) -> None:
    @attribute(user="u1")
    def work(number: int) -> int:
        """Do it."""
        ask()
        return number + 1

    assert work(1) == 2
    assert (work.__name__, work.__doc__) == ("work", "Do it.")
    assert charged(recorded.span()) == {"user": "u1"}


def test_a_decorated_generator_is_charged_only_while_it_runs(ask: Any, recorded: Recorded) -> None:
    @attribute(user="generator")
    def work() -> Iterator[int]:
        ask()
        yield 1
        ask()
        yield 2

    for _ in work():
        ask()

    assert [charged(span) for span in recorded.spans()] == [
        {"user": "generator"},
        {},
        {"user": "generator"},
        {},
    ]


def test_decorated_coroutines_and_async_generators_are_charged(
    provider: LocalProvider, recorded: Recorded
) -> None:
    async def main() -> None:
        async with CHAT.client(provider, is_async=True) as client:

            @attribute(user="coroutine")
            async def work() -> None:
                await asyncio.sleep(0)
                await CHAT.create(client)

            @attribute(user="generator")
            async def items() -> AsyncIterator[int]:
                await CHAT.create(client)
                yield 1

            await work()
            async for _ in items():
                await CHAT.create(client)
            async with attribute(user="block"):
                await CHAT.create(client)

    asyncio.run(main())

    assert [charged(span) for span in recorded.spans()] == [
        {"user": "coroutine"},
        {"user": "generator"},
        {},
        {"user": "block"},
    ]


def test_tasks_keep_apart(provider: LocalProvider, recorded: Recorded) -> None:
    async def main() -> None:
        async with CHAT.client(provider, is_async=True) as client:

            async def work(number: int) -> None:
                with attribute(user=f"u{number}"):
                    await CHAT.create(client, f"question {number}")

            await asyncio.gather(*(work(number) for number in range(20)))

    asyncio.run(main())

    found = {
        charged(span)["user"]: span["attributes"]["llmtrace.request.body"]
        for span in recorded.spans()
    }
    assert len(found) == 20
    for user, body in found.items():
        assert f'question {user[1:]}"' in body


def test_threads_take_what_is_copied_to_them_and_nothing_else(ask: Any, recorded: Recorded) -> None:
    with attribute(user="u1"):
        copied = contextvars.copy_context()
        for target in (lambda: copied.run(ask), ask):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()

    assert [charged(span) for span in recorded.spans()] == [{"user": "u1"}, {}]


def test_one_instance_can_be_entered_again_and_by_several_threads(
    ask: Any, recorded: Recorded
) -> None:
    shared = attribute(user="shared")
    inside = threading.Barrier(2)

    def work() -> None:
        with shared, shared:
            inside.wait(5)
            ask()
            inside.wait(5)
        ask()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = [charged(span) for span in recorded.spans()]
    assert sorted(map(str, found)) == ["{'user': 'shared'}"] * 2 + ["{}"] * 2


def test_an_exception_goes_on_unchanged(ask: Any, recorded: Recorded) -> None:
    error = ValueError("the app's")

    with pytest.raises(ValueError, match="the app's") as caught, attribute(user="u1"):
        raise error

    assert caught.value is error
    ask()
    assert charged(recorded.span()) == {}


def test_baggage_is_set_only_when_asked(ask: Any, recorded: Recorded) -> None:
    with attribute(user="u1"):
        assert not baggage.get_all()
    with attribute(user="u1", propagate=True):
        assert baggage.get_all() == {"llmtrace.user.id": "u1"}


def test_baggage_of_another_service_is_taken_over(ask: Any, recorded: Recorded) -> None:
    arrived = baggage.set_baggage("llmtrace.user.id", "u9", baggage.set_baggage("other", "x"))
    token = context.attach(arrived)
    try:
        ask()
    finally:
        context.detach(token)

    assert charged(recorded.span()) == {"user": "u9"}


def test_values_that_cannot_be_shown_do_not_reach_the_app(ask: Any, recorded: Recorded) -> None:
    with attribute(user=7, tenant=b"t", feature="half \ud800"):
        ask()

    assert charged(recorded.span()) == {"user": "7", "tenant": "b't'", "feature": "half \ufffd"}


def test_a_value_that_fails_to_show_itself_is_left_out(
    provider: LocalProvider, harmless: Recorded
) -> None:
    class Loud:
        def __str__(self) -> str:
            raise RuntimeError("do not show me")

    with attribute(user=Loud(), tenant="t1"):
        CHAT.create(CHAT.client(provider))

    assert charged(harmless.span()) == {"tenant": "t1"}


def test_a_block_left_by_another_task_still_ends(
    provider: LocalProvider, recorded: Recorded
) -> None:
    scope = attribute(user="u1")

    async def main() -> None:
        await asyncio.create_task(scope.__aenter__())
        await asyncio.create_task(scope.__aexit__(None, None, None))

    asyncio.run(main())
    CHAT.create(CHAT.client(provider))

    assert charged(recorded.span()) == {}
