"""What every API's streams say, however they end: one span, counted once."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.testing.provider import Answer, Reply, faults
from tests.instrument.contract.playing import adapted, close, collect, collect_until, play, take

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.contract.apis import Api
    from tests.instrument.recording import Recorded


LONG = Reply(answer=Answer(text="word " * 60), chunk_delay_s=0.005)
"""A stream that is still under way when it is left, however busy the machine."""


def stream(
    api: Api,
    provider: LocalProvider,
    read: Callable[[Any], Awaitable[object]],
    *,
    is_async: bool,
) -> None:
    """Open a stream, do with it what ``read`` does, and close the client."""

    async def call() -> None:
        client = api.client(provider, is_async=is_async)
        try:
            await read(api.chunks(await adapted(api.create(client, stream=True))))
        finally:
            await adapted(api.sdk.close(client))

    play(call(), is_async=is_async)


async def left(items: Any) -> None:
    """Read some of a stream, then close it."""
    await take(items, 7)
    await close(items)


def cut(body: bytes) -> int:
    """Return where the connection breaks: behind some whole events, inside of one."""
    return len(body) * 2 // 3


def test_a_drained_stream_is_completed_timed_and_counted(
    streaming: Api, provider: LocalProvider, recorded: Recorded, is_async: bool
) -> None:
    provider.enqueue(Reply(delay_s=0.05, chunk_delay_s=0.002))

    async def read(items: Any) -> None:
        assert len(await take(items)) > 2

    stream(streaming, provider, read, is_async=is_async)

    span = recorded.span()
    attributes = span["attributes"]
    duration_s = (span["end_unix_ns"] - span["start_unix_ns"]) / 1e9
    assert (span["status"], span["events"]) == ("unset", [])
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["llmtrace.stream.outcome"] == "completed"
    assert attributes.get("gen_ai.response.finish_reasons", [""]) == [streaming.stopped]
    assert attributes.get("gen_ai.response.model") == streaming.answers_as
    assert attributes["gen_ai.usage.input_tokens"] > 0
    assert attributes["gen_ai.usage.output_tokens"] > 0
    assert 0.05 <= attributes["gen_ai.response.time_to_first_chunk"] < duration_s
    assert isinstance(json.loads(attributes["llmtrace.response.body"]), dict)


def test_a_stream_says_what_the_plain_call_says(
    streaming: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    client = streaming.client(provider)
    streaming.create(client)
    for _ in streaming.chunks(streaming.create(client, stream=True, **streaming.with_usage)):
        pass

    plain, streamed = (span["attributes"] for span in recorded.spans())
    same = (
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.response.finish_reasons",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "llmtrace.api",
        "http.response.status_code",
    )
    assert {name: streamed.get(name) for name in same} == {name: plain.get(name) for name in same}
    assert plain.get("gen_ai.response.finish_reasons", [""]) == [streaming.stopped]


def test_a_stream_left_early_is_abandoned_and_its_usage_partial_or_estimated(
    streaming: Api, provider: LocalProvider, recorded: Recorded, is_async: bool
) -> None:
    provider.enqueue(LONG)

    stream(streaming, provider, left, is_async=is_async)
    if not streaming.sdk.closes_streams:
        collect_until(recorded.spans)

    attributes = recorded.attributes()
    assert attributes["llmtrace.stream.outcome"] == "abandoned"
    assert attributes["llmtrace.usage.source"] in {"partial", "estimated"}
    assert attributes["gen_ai.usage.input_tokens"] > 0
    assert attributes["gen_ai.usage.output_tokens"] > 0
    assert attributes["llmtrace.cost.source"] == "estimated" or not streaming.priced


def test_a_stream_left_and_forgotten_is_abandoned_when_it_is_collected(
    streaming: Api, provider: LocalProvider, recorded: Recorded, is_async: bool
) -> None:
    provider.enqueue(LONG)

    async def call() -> None:
        client = streaming.client(provider, is_async=is_async)
        result = await adapted(streaming.create(client, stream=True))
        await take(streaming.chunks(result), 7)
        del result
        await collect()
        await adapted(streaming.sdk.close(client))

    play(call(), is_async=is_async)
    collect_until(recorded.spans)

    assert recorded.attributes()["llmtrace.stream.outcome"] == "abandoned"


def test_a_stream_never_read_is_abandoned_when_it_is_collected(
    streaming: Api, provider: LocalProvider, recorded: Recorded, is_async: bool
) -> None:
    async def call() -> None:
        client = streaming.client(provider, is_async=is_async)
        result = await adapted(streaming.create(client, stream=True))
        del result
        await collect()
        await adapted(streaming.sdk.close(client))

    play(call(), is_async=is_async)

    outcomes = [span["attributes"]["llmtrace.stream.outcome"] for span in recorded.spans()]
    assert outcomes == ["abandoned"] * len(provider.requests)
    assert len(provider.requests) == (0 if streaming.sdk.opens_lazily else 1)


def test_a_stream_cut_by_the_network_has_failed(
    streaming: Api, provider: LocalProvider, recorded: Recorded, is_async: bool
) -> None:
    provider.enqueue(Reply(cut=cut))

    with pytest.raises(Exception):  # noqa: B017, PT011  # which one is the SDK's business
        stream(streaming, provider, take, is_async=is_async)

    span = recorded.span()
    assert span["status"] == "error"
    assert span["attributes"]["llmtrace.stream.outcome"] == "failed"
    assert span["attributes"]["error.type"]


def test_an_error_event_inside_a_stream_is_an_error(
    streaming: Api, provider: LocalProvider, recorded: Recorded, is_async: bool
) -> None:
    provider.enqueue(streaming.stream_error or faults.error_inside_stream())

    with contextlib.suppress(Exception):  # some SDKs raise, some hand the event on
        stream(streaming, provider, take, is_async=is_async)
    collect_until(recorded.spans)  # some SDKs leave the connection open when they raise

    span = recorded.span()
    assert span["status"] == "error"
    assert span["attributes"]["llmtrace.stream.outcome"] == "failed"
    if streaming.sdk.shows_http:
        assert span["attributes"]["http.response.status_code"] == 200


def test_a_refused_stream_is_an_error_that_costs_nothing(
    streaming: Api, provider: LocalProvider, recorded: Recorded, is_async: bool
) -> None:
    provider.enqueue(Reply(status=429))

    with pytest.raises(Exception, match="429" if streaming.sdk.says_status else None):
        stream(streaming, provider, take, is_async=is_async)

    span = recorded.span()
    attributes = span["attributes"]
    assert span["status"] == "error"
    assert attributes["error.type"] == streaming.sdk.errors[429]
    assert attributes["http.response.status_code"] == 429
    assert not [name for name in attributes if name.startswith(("gen_ai.usage", "llmtrace.cost"))]


def test_a_cancelled_stream_is_recorded_once(
    async_streaming: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(chunk_delay_s=0.2))

    async def read(items: Any) -> None:
        arrived = asyncio.Event()

        async def wait() -> None:
            try:
                async for _ in items:
                    arrived.set()
            finally:
                arrived.set()

        task = asyncio.create_task(wait())
        await arrived.wait()
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stream(async_streaming, provider, read, is_async=True)

    attributes = recorded.attributes()
    assert attributes["llmtrace.stream.outcome"] == "failed"
    assert attributes["error.type"].endswith("CancelledError")


def test_a_compressed_stream_is_read(
    unpacking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(answer=Answer(text="Grüße aus Lyon 🌍"), is_gzipped=True))

    stream(unpacking, provider, take, is_async=False)

    attributes = recorded.attributes()
    assert "Grüße aus Lyon 🌍" in attributes["llmtrace.response.body"]
    assert attributes["llmtrace.stream.outcome"] == "completed"
