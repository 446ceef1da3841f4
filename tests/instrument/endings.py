"""How a stream can end. Each takes what opens the stream, and does what some app does with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.instrument.contract.playing import close, collect
from tests.instrument.differential import Seen, Shape, adapted, drain, feature, opened, take

Open = Callable[[Any], Any]
"""Client → an awaitable of a stream (or a stream, with a sync client)."""
Ending = Callable[[Any, Open, Seen], Awaitable[None]]


class OurError(Exception):
    """What an app raises in the middle of a stream."""


async def drained(client: Any, start: Open, seen: Seen) -> None:
    stream = await adapted(start(client))
    seen.requests()
    seen.see("stream", stream)
    seen.see("response before", _response(stream))
    await drain(stream, seen)
    seen.see("response after", _response(stream))
    await drain(stream, seen, "chunk after the end")


async def drained_with_next(client: Any, start: Open, seen: Seen) -> None:
    stream = await adapted(start(client))
    while True:
        try:
            item = await stream.__anext__() if hasattr(stream, "__anext__") else next(stream)
        except (StopIteration, StopAsyncIteration) as error:
            seen.see("end", type(error))
            return
        seen.see("chunk", item)


async def drained_inside_with(client: Any, start: Open, seen: Seen) -> None:
    stream = await adapted(start(client))
    async with opened(stream) as entered:
        seen.see("is itself", entered is stream)
        await drain(entered, seen)
    seen.see("response after", _response(stream))


async def broken_off(client: Any, start: Open, seen: Seen) -> None:
    stream = await adapted(start(client))
    await take(stream, 2, seen)
    seen.see("response after break", _response(stream))
    await close(stream)
    seen.see("response after close", _response(stream))


async def broken_off_and_forgotten(client: Any, start: Open, seen: Seen) -> None:
    stream = await adapted(start(client))
    await take(stream, 2, seen)
    del stream
    await collect()


async def broken_off_and_resumed(client: Any, start: Open, seen: Seen) -> None:
    stream = await adapted(start(client))
    await take(stream, 2, seen)
    await drain(stream, seen, "resumed")


async def error_of_the_app(client: Any, start: Open, seen: Seen) -> None:
    stream = await adapted(start(client))
    error = OurError("the app gave up")
    try:
        async with opened(stream) as entered:
            await take(entered, 1, seen)
            raise error
    except OurError as caught:
        seen.see("is itself", caught is error)
        seen.see("caught", caught)
    seen.see("response", _response(stream))


async def closed_unread(client: Any, start: Open, seen: Seen) -> None:
    stream = await adapted(start(client))
    await close(stream)
    seen.see("response", _response(stream))
    await close(stream)
    await drain(stream, seen, "chunk after close")


async def never_iterated(client: Any, start: Open, seen: Seen) -> None:
    stream = await adapted(start(client))
    seen.see("stream", stream)
    del stream
    await collect()


async def read_as_bytes(client: Any, start: Open, seen: Seen) -> None:
    """Read what is below the SDK's stream: ``stream.response`` is public."""
    response = feature(await adapted(start(client)), "response")
    read = response.aread if hasattr(response, "aread") and _is_async(response) else response.read
    seen.see("bytes", await adapted(read()))
    seen.see("response", response)


async def cancelled(client: Any, start: Open, seen: Seen) -> None:
    """Cancel the task that reads, while it waits for the next chunk (async clients only)."""
    arrived = asyncio.Event()

    async def read() -> None:
        try:
            stream = await adapted(start(client))
            async for item in stream:
                seen.see("chunk", item)
                arrived.set()
        finally:
            arrived.set()

    task = asyncio.create_task(read())
    await arrived.wait()
    task.cancel("the app gave up")
    try:
        await task
    except (asyncio.CancelledError, Exception) as error:  # noqa: BLE001  # it is compared
        seen.see("cancelled", error)
    seen.see("was cancelled", task.cancelled())


ENDINGS: dict[str, Ending] = {
    ending.__name__: ending
    for ending in (
        drained,
        drained_with_next,
        drained_inside_with,
        broken_off,
        broken_off_and_forgotten,
        broken_off_and_resumed,
        error_of_the_app,
        closed_unread,
        never_iterated,
        read_as_bytes,
    )
}


def ended(ending: Ending, start: Open) -> Shape:
    """Return the shape that opens a stream with ``start`` and ends it so."""

    async def shape(client: Any, seen: Seen) -> None:
        await ending(client, start, seen)

    return shape


def _response(stream: Any) -> Any:
    """Return the HTTP response that an SDK shows at its stream; None: it shows none."""
    return getattr(stream, "response", None)


def _is_async(response: Any) -> bool:
    return hasattr(response.stream, "__aiter__") and not hasattr(response.stream, "__iter__")
