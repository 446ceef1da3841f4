"""Play one coroutine with a sync or an async client, as an app of that kind would.

With a sync client nothing ever waits: the coroutine is driven by hand, on a thread without an event
loop.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


def play(work: Coroutine[Any, Any, Any], *, is_async: bool) -> Any:
    """Run ``work`` to its end and return its result."""
    if is_async:
        return asyncio.run(work)
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    work.close()
    raise AssertionError("something waited with a sync client")


async def adapted(value: Any) -> Any:
    """Return ``value``, awaited if an async client gave it."""
    return await value if isinstance(value, Awaitable) else value


async def take(items: Any, count: int | None = None) -> list[Any]:
    """Iterate as a client of that kind wants it; leave with ``break`` after ``count`` items."""
    taken: list[Any] = []
    if hasattr(items, "__aiter__"):
        async for item in items:
            taken.append(item)
            if len(taken) == count:
                break
    else:
        for item in items:
            taken.append(item)
            if len(taken) == count:
                break
    return taken


async def close(stream: Any) -> None:
    """Close a stream of the SDK, or a generator."""
    how = "aclose" if hasattr(stream, "aclose") else "close"
    await adapted(getattr(stream, how)())


def collect_until(found: Callable[[], object]) -> None:
    """Collect garbage until something is found: an SDK's threads may hold on to a stream."""
    for _ in range(100):
        gc.collect()
        if found():
            return
        time.sleep(0.02)


async def collect() -> None:
    """Let the garbage collector, and then the event loop, do what they do with lost streams."""
    gc.collect()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    for _ in range(200):  # the loop closes lost generators in tasks of their own
        await asyncio.sleep(0.002)
        if len(asyncio.all_tasks()) == 1:
            break
    gc.collect()
    await asyncio.sleep(0)
