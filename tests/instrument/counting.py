"""A process that counts the function calls llmtrace adds to calls of the SDKs; prints JSON.

Run by ``test_sdk_call_counts`` for each SDK under contract (``CONTRACT_SDKS``), in a fresh process:
no other test, no coverage and no debugger adds calls of its own there. Arguments: a folder for
llmtrace, and ``sdks`` or ``bystanders`` (calls that are none of ours, with every SDK loaded). The
real clients talk to the local provider, which lives in threads that are not counted.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import importlib
import io
import json
import logging
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

import llmtrace
from llmtrace.testing.provider import Answer, LocalProvider, Reply
from tests.instrument.contract.apis import discovered
from tests.instrument.contract.playing import adapted, play

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrument.contract.apis import Api

WORDS = (10, 40)
"""Lengths of two streamed answers: their difference is what the chunks cost."""
ARRIVED_S = 0.05
"""After that all of a stream is here: how often its reader waits is no business of ours."""
RUNS = 4
MODES: dict[str, dict[str, Any]] = {"recorded": {}, "not sampled": {"sample_ratio": 0.0}}


def main(home: str, whom: str) -> None:
    """Count each case without llmtrace, with it in each mode, and without it again."""
    warnings.simplefilter("ignore")
    logging.disable()
    with LocalProvider() as provider, asyncio.Runner() as runner:
        cases: dict[str, Case] = {}
        apis = discovered("APIS")
        for api in apis:
            is_first = api.sdk is next(a for a in apis if a.sdk.name == api.sdk.name).sdk
            if whom == "sdks":
                cases |= _cases(api, provider, runner, is_first=is_first)
            else:
                api.client(provider)  # loads the SDK with all that it uses
        if whom == "bystanders":
            cases = _bystanders(provider, runner)
        for case in cases.values():
            case.count("before")
        for mode, settings in MODES.items():
            llmtrace.instrument(home=home, **settings)
            for case in cases.values():
                case.count(mode)
            llmtrace.uninstrument()
        for case in cases.values():
            case.count("after")
    counted = {name: {**case.counts, "chunks": case.chunks} for name, case in cases.items()}
    sys.stdout.write(json.dumps(counted))


class Case:
    """One kind of call, and what it took."""

    def __init__(self, run: Callable[[], int]) -> None:
        self._run = run
        self.chunks = 0
        self.counts: dict[str, int] = {}

    def count(self, mode: str) -> None:
        """Note the fewest calls of some runs: now and then a run wakes a thread up."""
        self._run()
        self._run()
        gc.collect()
        gc.freeze()  # what lives on is no garbage: the next round need not look at it
        gc.disable()
        try:
            self.counts[mode] = min(self._counted() for _ in range(RUNS))
        finally:
            gc.enable()

    def _counted(self) -> int:
        counter = cProfile.Profile(subcalls=False)
        with counter:
            self.chunks = self._run()
        return sum(entry.callcount for entry in counter.getstats())


def _cases(
    api: Api, provider: LocalProvider, runner: asyncio.Runner, *, is_first: bool
) -> dict[str, Case]:
    """Return the cases of an API; of a client for another cloud only the plain call."""
    client = api.client(provider)
    found = {f"{api.id}: plain": Case(lambda: play(_plain(api, client), is_async=False))}
    if api.streamed and is_first:
        for words in WORDS:
            found[f"{api.id}: stream of {words}"] = Case(_streaming(api, client, provider, words))
    if api.sdk.has_async and is_first:

        async def connect() -> Any:
            return api.client(provider, is_async=True)

        later = runner.run(connect())
        found[f"{api.id}: async"] = Case(lambda: runner.run(_plain(api, later)))
    return found


async def _plain(api: Api, client: Any) -> int:
    await adapted(api.create(client))
    return 0


def _streaming(api: Api, client: Any, provider: LocalProvider, words: int) -> Callable[[], int]:
    def run() -> int:
        provider.enqueue(Reply(answer=Answer(text="word " * words)))
        chunks = iter(api.chunks(api.create(client, stream=True)))
        next(chunks)
        time.sleep(ARRIVED_S)
        return 1 + sum(1 for _ in chunks)

    return run


# --- calls that are none of ours ------------------------------------------------------------------


def _bystanders(provider: LocalProvider, runner: asyncio.Runner) -> dict[str, Case]:
    """Return requests of the app that no SDK of ours makes, through libraries that we look into."""
    found = {"boto3: S3": Case(_once(_s3()))}
    for name in ("httpx", "httpx2"):
        found[f"{name}: sync"] = Case(_once(_http(importlib.import_module(name))))
        call = _http_async(importlib.import_module(name), runner)
        found[f"{name}: async"] = Case(_once(call))
    found["aiohttp"] = Case(_once(_aiohttp(provider, runner)))
    return found


def _once(call: Callable[[], object]) -> Callable[[], int]:
    def run() -> int:
        call()
        return 0

    return run


def _http(module: Any) -> Callable[[], object]:
    transport = module.MockTransport(lambda _: module.Response(200, json={"a": 1}))
    client = module.Client(transport=transport)
    return lambda: client.get("http://example.test/weather")


def _http_async(module: Any, runner: asyncio.Runner) -> Callable[[], object]:
    transport = module.MockTransport(lambda _: module.Response(200, json={"a": 1}))
    client = module.AsyncClient(transport=transport)
    return lambda: runner.run(client.get("http://example.test/weather"))


def _aiohttp(provider: LocalProvider, runner: asyncio.Runner) -> Callable[[], object]:
    import aiohttp

    async def make() -> Any:
        return aiohttp.ClientSession()

    session = runner.run(make())

    async def get() -> None:
        async with session.get(f"{provider.url}/v1/models") as response:
            await response.read()

    return lambda: runner.run(get())


def _s3() -> Callable[[], object]:
    import boto3
    from botocore.awsrequest import AWSResponse

    client = boto3.client(
        "s3", region_name="eu-west-1", aws_access_key_id="any", aws_secret_access_key="nobody's"
    )

    class Raw(io.BytesIO):
        def stream(self, **_: Any) -> Any:
            yield self.read()

    def answer(request: Any, **_: Any) -> Any:
        return AWSResponse(request.url, 200, {}, Raw(b""))

    client.meta.events.register("before-send.s3", answer)
    return lambda: client.head_bucket(Bucket="photos")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
