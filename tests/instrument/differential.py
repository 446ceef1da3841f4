"""The differential harness: one shape of call, twice, against the same provider.

A shape is written once, as a coroutine function, and runs with the sync and the async client: the
adapters below await what can be awaited. With a sync client nothing ever suspends, so the
coroutine is driven by hand, on a thread without an event loop, as an app would be.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import warnings
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import pytest

import llmtrace
from llmtrace import semconv
from llmtrace.clock import FixedClock
from llmtrace.testing.provider import LocalProvider, Received, Reply
from llmtrace.testing.provider.server import LoopbackServer, Sending
from tests.instrument.contract.playing import collect
from tests.instrument.portrait import VOLATILE_HEADERS, portrait
from tests.instrument.recording import Recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.instrument.behaviours import Behaviour
    from tests.instrument.contract.apis import Sdk

Shape = Callable[[Any, "Seen"], Awaitable[None]]

_TIMEOUT_S = 10.0
_ACCOUNTED = semconv.INFERENCE_OPERATIONS | {semconv.OP_FETCH_RESPONSE}


@dataclass(frozen=True, kw_only=True, eq=False)
class Cast:
    """The clients of one SDK, sync or async, and the ways in which apps call them."""

    name: str
    """In test ids."""
    sdk: Sdk
    is_async: bool
    shapes: Mapping[str, Shape]
    core: Collection[str]
    """Names of shapes, one of each kind: they meet the whole list of what a provider may do."""
    streams: Collection[str]
    """Names of shapes that end a stream in some way."""
    fuzzed: Collection[str]
    """Names of shapes that meet random answers."""
    hostile: Mapping[str, Shape]
    """Shapes with arguments that are wrong, odd or lazy."""
    cancelled: Mapping[str, Shape]
    """Shapes that cancel the reader of a stream (async clients only)."""
    is_door: bool = False
    """Whether it only leads elsewhere: its calls and answers are those of its SDK's first cast."""


class LacksFeatureError(Exception):
    """The installed SDK has no such method: the shape does not exist there."""


@dataclass
class Seen:
    """What the caller sees, in order; and what the provider has received so far."""

    received: Callable[[], int]
    log: list[tuple[str, Any]] = field(default_factory=list)
    made: int | None = None
    """Calls of the SDK's ``request()`` where the provider cannot count them; None: it can."""
    free: int = 0
    """Requests among those received that are no inferences."""

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
    calls: int | None
    """Logical LLM calls: what we must have recorded, had we been there; None: nobody can tell."""
    inferences: int
    """Requests for an inference, retries included."""


class _Address:
    """What clients are told of a provider: where it is."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = self.base_url = self.anthropic_url = f"http://127.0.0.1:{port}"
        self.openai_url = f"{self.url}/v1"


class Stage:
    """One server for many runs; each run has a provider of its own, new and with a still clock."""

    def __init__(self) -> None:
        self._server = LoopbackServer(self._respond)
        self._address = _Address(self._server.port)
        self._play: LocalProvider | None = None
        self._received: list[Received] = []
        self._clients: dict[Any, Any] = {}
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        for (cast, _retries, _timeout_s), client in self._clients.items():
            self._drive(cast, _closed(cast.sdk, client))
        self._runner.close()
        self._server.stop()

    def observe(
        self,
        shape: Shape,
        cast: Cast,
        replies: Sequence[Reply] = (),
        *,
        max_retries: int = 0,
        timeout_s: float = _TIMEOUT_S,
    ) -> Observation:
        """Run ``shape`` with a client of ``cast`` against a fresh provider that has ``replies``."""
        clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
        play = LocalProvider(script=replies, clock=clock)
        # It only answers; the stage's own server does the talking, on one port for all runs.
        play._http.server_close()
        self._play, self._received = play, []
        seen = Seen(received=lambda: len(self._received))
        client = self._client(cast, max_retries, timeout_s)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            self._drive(cast, _guarded(shape, client, seen))
        # A socket that the SDK left open is noticed whenever the garbage collector comes by.
        for item in (w for w in warned if not issubclass(w.category, ResourceWarning)):
            seen.see("warned", (type(item.message), str(item.message), item.filename, item.lineno))
        gc.collect(0)
        return Observation(
            log=seen.log,
            requests=[_request(received) for received in self._received],
            calls=_calls(cast, self._received) if seen.made is None else seen.made,
            inferences=len(self._received) - seen.free,
        )

    def settle(self, cast: Cast) -> None:
        """Let go of what the last run left behind."""
        self._drive(cast, collect())

    def _respond(self, received: Received) -> Sending:
        self._received.append(received)
        assert self._play is not None
        return self._play._respond(received)

    def _client(self, cast: Cast, retries: int, timeout_s: float) -> Any:
        key = (cast, retries, timeout_s)
        if key not in self._clients:
            self._drive(cast, self._connect(key))
        return self._clients[key]

    async def _connect(self, key: tuple[Cast, int, float]) -> None:
        cast, retries, timeout_s = key
        address: Any = self._address
        self._clients[key] = cast.sdk.connect(
            address, is_async=cast.is_async, retries=retries, timeout_s=timeout_s, key="any"
        )

    def _drive(self, cast: Cast, work: Coroutine[Any, Any, Any]) -> None:
        if cast.is_async:
            self._runner.run(work)
            return
        try:
            work.send(None)
        except StopIteration:
            return
        work.close()
        raise AssertionError("a shape waited for something with a sync client")


def assert_nobody_can_tell(
    stage: Stage,
    home: Path,
    cast: Cast,
    shape: Shape,
    behaviour: Behaviour,
    *,
    timeout_s: float = _TIMEOUT_S,
) -> None:
    """Run the shape bare and instrumented; compare all of it, and count what we recorded."""
    replies = behaviour.replies
    more: Any = {"max_retries": behaviour.max_retries, "timeout_s": timeout_s}
    try:
        bare = stage.observe(shape, cast, replies, **more)
        if any(label == "warned" for label, _ in bare.log):  # perhaps once per process only
            bare = stage.observe(shape, cast, replies, **more)
    except LacksFeatureError as error:
        pytest.skip(str(error))
    llmtrace.instrument(home=home)
    recorded = Recorded(home)

    watched = stage.observe(shape, cast, replies, **more)

    found = _difference(watched.log, bare.log) or _difference(watched.requests, bare.requests)
    assert found is None, found
    for _ in range(20):  # a stream that an SDK leaves open ends when it is collected
        if _accounted(recorded, watched):
            break
        stage.settle(cast)
    assert _accounted(recorded, watched), (recorded.spans(), watched.requests)
    assert recorded.faults() == {}


def _difference(watched: Any, bare: Any, where: str = "") -> str | None:
    """Say where two portraits differ first; None: nowhere."""
    if watched == bare:
        return None
    if isinstance(watched, list | tuple) and isinstance(bare, list | tuple):
        if len(watched) != len(bare):
            return f"{where}: {len(watched)} items with, {len(bare)} without: {watched} {bare}"[
                :3_000
            ]
        pairs = zip(watched, bare, strict=True)
        return next(
            d for i, (a, b) in enumerate(pairs) if (d := _difference(a, b, f"{where}[{i}]"))
        )
    if isinstance(watched, dict) and isinstance(bare, dict) and watched.keys() == bare.keys():
        each = ((key, watched[key], bare[key]) for key in watched)
        return next(d for key, a, b in each if (d := _difference(a, b, f"{where}.{key}")))
    return f"{where}: with {watched!r}, without {bare!r}"[:3_000]


def _accounted(recorded: Recorded, seen: Observation) -> bool:
    """Tell whether each call is one span; where nobody can tell calls, each request is in one."""
    spans = [s for s in recorded.spans() if s["attributes"][semconv.OPERATION_NAME] in _ACCOUNTED]
    if seen.calls is not None:
        return len(spans) == seen.calls
    return sum(map(_requests_of, spans)) == seen.inferences


def _requests_of(span: dict[str, Any]) -> int:
    """Return how many requests went out for the call; 0: the SDK refused to send it."""
    attributes = span["attributes"]
    was_sent = "llmtrace.request.body" in attributes or "server.address" in attributes
    return attributes["llmtrace.retry.count"] + 1 if was_sent else 0


async def _closed(sdk: Sdk, client: Any) -> None:
    await adapted(sdk.close(client))


async def _guarded(shape: Shape, client: Any, seen: Seen) -> None:
    try:
        await shape(client, seen)
    except LacksFeatureError:
        raise
    except BaseException as error:  # noqa: BLE001  # whatever the caller gets is what we compare
        seen.see("raised", error)


def _request(received: Received) -> dict[str, Any]:
    kind, _, boundary = received.headers.get("content-type", "").partition("; boundary=")
    body = received.body.replace(boundary.encode(), b"*") if boundary else received.body
    return {
        "method": received.method,
        "path": received.path,
        "query": received.query,
        "headers": {
            name: "*" if name in VOLATILE_HEADERS else value
            for name, value in {**received.headers, "content-type": kind}.items()
        },
        "body": body,
        "credential": received.credential,
    }


def _calls(cast: Cast, received: Sequence[Received]) -> int | None:
    """Count the calls by the attempts that say they are the first; None if they do not say."""
    if not cast.sdk.tells_attempts:
        return None
    inferences = [each for each in received if each.method == "POST" or "/responses/" in each.path]
    return sum(each.headers["x-stainless-retry-count"] == "0" for each in inferences)


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
    elif hasattr(manager, "__enter__"):
        with manager as entered:
            yield entered
    else:
        raise LacksFeatureError(f"{type(manager).__name__} cannot be entered")


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
