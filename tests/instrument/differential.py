"""The differential harness: one shape of call, twice, against the same provider.

A shape is written once, as a coroutine function, and runs with the sync and the async client: the
adapters below await what can be awaited. With a sync client nothing ever suspends, so the
coroutine is driven by hand, on a thread without an event loop, as an app would be.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import pytest

import llmtrace
from llmtrace.clock import FixedClock
from llmtrace.testing.provider import LocalProvider, Received, Reply
from llmtrace.testing.provider.server import LoopbackServer, Sending
from tests.instrument.portrait import portrait
from tests.instrument.recording import Recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.instrument.behaviours import Behaviour

Shape = Callable[[Any, "Seen"], Awaitable[None]]

_VOLATILE_HEADERS = frozenset({"idempotency-key", "x-stainless-idempotency-key"})
_INFERENCE = ("/chat/completions", "/responses", "/embeddings", "/messages")
CLIENTS = {
    "openai": ("openai", "OpenAI"),
    "openai-async": ("openai", "AsyncOpenAI"),
    "anthropic": ("anthropic", "Anthropic"),
    "anthropic-async": ("anthropic", "AsyncAnthropic"),
}


class LacksFeatureError(Exception):
    """The installed SDK has no such method: the shape does not exist there."""


@dataclass
class Seen:
    """What the caller sees, in order; and what the provider has received so far."""

    received: Callable[[], int]
    log: list[tuple[str, Any]] = field(default_factory=list)
    made: int | None = None
    """Calls of the SDK's ``request()`` where the provider cannot count them; None: it can."""

    def see(self, label: str, value: Any) -> Any:
        """Note what ``value`` looks like now, and return it."""
        self.log.append((label, portrait(value)))
        return value

    def requests(self) -> None:
        """Note how many requests the provider has got by now: is the SDK still lazy here?"""
        self.log.append(("requests so far", self.received()))


@dataclass(frozen=True)
class Observation:
    """All that can be compared of one run."""

    log: list[tuple[str, Any]]
    requests: list[dict[str, Any]]
    calls: int
    """Logical LLM calls: what we must have recorded, had we been there."""


class Stage:
    """One server for many runs; each run has a provider of its own, new and with a still clock."""

    def __init__(self) -> None:
        self._server = LoopbackServer(self._respond)
        self._play: LocalProvider | None = None
        self._received: list[Received] = []
        self._clients: dict[str, Any] = {}
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        # What the test run has loaded so far is no garbage: collections look at the rest only.
        gc.freeze()
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        for name, client in self._clients.items():
            self._drive(name, adapted(client.close()))
        self._runner.close()
        self._server.stop()
        gc.unfreeze()

    def observe(
        self, shape: Shape, kind: str, replies: Sequence[Reply] = (), *, max_retries: int = 0
    ) -> Observation:
        """Run ``shape`` with a client of ``kind`` against a fresh provider that has ``replies``."""
        clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
        play = LocalProvider(script=replies, clock=clock)
        # It only answers; the stage's own server does the talking, on one port for all runs.
        play._http.server_close()
        self._play, self._received = play, []
        seen = Seen(received=lambda: len(self._received))
        client = self._client(kind).with_options(max_retries=max_retries)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            self._drive(kind, _guarded(shape, client, seen))
        # A socket that the SDK left open is noticed whenever the garbage collector comes by.
        for item in (w for w in warned if not issubclass(w.category, ResourceWarning)):
            seen.see("warned", (type(item.message), str(item.message), item.filename, item.lineno))
        del client
        gc.collect(0)
        requests = [_request(received) for received in self._received]
        calls = sum(map(_is_first_attempt, self._received)) if seen.made is None else seen.made
        return Observation(log=seen.log, requests=requests, calls=calls)

    def _respond(self, received: Received) -> Sending:
        self._received.append(received)
        assert self._play is not None
        return self._play._respond(received)

    def _client(self, kind: str) -> Any:
        if kind not in self._clients:
            module, name = CLIENTS[kind]
            base_url = f"http://127.0.0.1:{self._server.port}" + (
                "/v1" if module == "openai" else ""
            )
            make = getattr(importlib.import_module(module), name)
            self._clients[kind] = make(base_url=base_url, api_key="any", timeout=10)
        return self._clients[kind]

    def _drive(self, kind: str, work: Coroutine[Any, Any, Any]) -> None:
        if kind.endswith("-async"):
            self._runner.run(work)
            return
        try:
            work.send(None)
        except StopIteration:
            return
        work.close()
        raise AssertionError("a shape waited for something with a sync client")


def assert_nobody_can_tell(
    stage: Stage, home: Path, kind: str, shape: Shape, behaviour: Behaviour
) -> None:
    """Run the shape bare and instrumented; compare all of it, and count what we recorded."""
    replies, retries = behaviour.replies, behaviour.max_retries
    try:
        bare = stage.observe(shape, kind, replies, max_retries=retries)
    except LacksFeatureError as error:
        pytest.skip(str(error))
    llmtrace.instrument(home=home)
    recorded = Recorded(home)

    watched = stage.observe(shape, kind, replies, max_retries=retries)

    assert watched.log == bare.log
    assert watched.requests == bare.requests
    assert len(recorded.spans()) == watched.calls
    assert recorded.faults() == {}


async def _guarded(shape: Shape, client: Any, seen: Seen) -> None:
    try:
        await shape(client, seen)
    except LacksFeatureError:
        raise
    except BaseException as error:  # noqa: BLE001  # whatever the caller gets is what we compare
        seen.see("raised", error)


def _request(received: Received) -> dict[str, Any]:
    return {
        "method": received.method,
        "path": received.path,
        "query": received.query,
        "headers": {
            name: "*" if name in _VOLATILE_HEADERS else value
            for name, value in received.headers.items()
        },
        "body": received.body,
        "credential": received.credential,
    }


def _is_first_attempt(received: Received) -> bool:
    is_ours = received.path.endswith(_INFERENCE) or "/responses/" in received.path
    return is_ours and received.headers.get("x-stainless-retry-count", "0") == "0"


# --- adapters: one shape for both clients -----------------------------------------------------


async def adapted(value: Any) -> Any:
    """Return ``value``, awaited if the async client gave it."""
    return await value if isinstance(value, Awaitable) else value


@asynccontextmanager
async def opened(manager: Any) -> AsyncIterator[Any]:
    """Enter ``with`` or ``async with``, whichever the client's manager wants."""
    if hasattr(manager, "__aenter__"):
        async with manager as entered:
            yield entered
    else:
        with manager as entered:
            yield entered


async def take(items: Any, count: int | None, seen: Seen, label: str = "chunk") -> None:
    """Iterate as an app does, seeing every item; leave with ``break`` after ``count``."""
    taken = 0
    if hasattr(items, "__aiter__"):
        async for item in items:
            seen.see(label, item)
            taken += 1
            if taken == count:
                break
    else:
        for item in items:
            seen.see(label, item)
            taken += 1
            if taken == count:
                break


async def drain(items: Any, seen: Seen, label: str = "chunk") -> None:
    """Iterate to the end, seeing every item."""
    await take(items, None, seen, label)


def feature(owner: Any, path: str) -> Any:
    """Return ``owner.a.b.c``; raise LacksFeatureError if the installed SDK has no such thing."""
    try:
        return functools.reduce(getattr, path.split("."), owner)
    except AttributeError:
        raise LacksFeatureError(f"the installed SDK has no {path}") from None
