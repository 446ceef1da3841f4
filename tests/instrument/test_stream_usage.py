"""Streams asked for their usage: counted exactly, and what the app sees does not change."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmtrace
from llmtrace.instrument import guard
from llmtrace.instrument.stream_usage import UsageFilter
from llmtrace.testing.provider import Answer, LocalProvider, Reply
from tests.instrument.recording import Recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"}}],"usage":null}\n\n'
BARE = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
LAST = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Recorded]:
    """Record with streams asked for their usage."""
    guard.set_strict(strict=True)
    llmtrace.instrument(home=tmp_path, include_stream_usage=True)
    yield Recorded(tmp_path)
    assert not guard.faults


def stream(provider: LocalProvider, **more: Any) -> list[dict[str, Any]]:
    client = openai.OpenAI(base_url=provider.openai_url, api_key="any", max_retries=0)
    create: Any = client.chat.completions.create
    messages = [{"role": "user", "content": "Where is my parcel?"}]
    chunks = create(model="gpt-4o-mini", messages=messages, stream=True, **more)
    return [{**chunk.to_dict(), "id": "", "created": 0} for chunk in chunks]


def test_the_usage_is_the_providers_and_the_app_sees_no_difference(asking: Recorded) -> None:
    with LocalProvider() as provider:
        seen = stream(provider)
        sent = provider.requests[-1].json_object()
        attributes = asking.attributes()
        llmtrace.uninstrument()
        plain = stream(provider)

    assert sent["stream_options"] == {"include_usage": True}
    assert seen == plain
    assert attributes["llmtrace.usage.source"] == "provider"
    assert attributes["llmtrace.cost.source"] == "list"


def test_async_streams_too(asking: Recorded) -> None:
    async def read(provider: LocalProvider) -> list[Any]:
        async with openai.AsyncOpenAI(base_url=provider.openai_url, api_key="any") as client:
            chunks = await client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}], stream=True
            )
            return [chunk async for chunk in chunks]

    with LocalProvider() as provider:
        seen = asyncio.run(read(provider))

    assert all(chunk.choices for chunk in seen)
    assert asking.attributes()["llmtrace.usage.source"] == "provider"


def test_who_asks_for_the_usage_gets_it(asking: Recorded) -> None:
    with LocalProvider() as provider:
        seen = stream(provider, stream_options={"include_usage": True})

    assert seen[-1]["usage"]["prompt_tokens"] > 0


@pytest.mark.parametrize(
    "options",
    [
        {"stream_options": {"include_usage": False}},
        {"extra_body": {"stream_options": {"include_usage": False}}},
    ],
)
def test_who_declines_it_is_obeyed(asking: Recorded, options: dict[str, Any]) -> None:
    with LocalProvider() as provider:
        stream(provider, **options)
        sent = provider.requests[-1].json_object()

    assert sent["stream_options"] == {"include_usage": False}
    assert asking.attributes()["llmtrace.usage.source"] == "estimated"


def test_other_stream_options_are_kept_and_the_apps_own_object_is_not_changed(
    asking: Recorded,
) -> None:
    options = {"include_obfuscation": False}
    with LocalProvider() as provider:
        stream(provider, stream_options=options)
        sent = provider.requests[-1].json_object()

    assert sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert options == {"include_obfuscation": False}


def test_a_plain_call_is_sent_as_it_is(asking: Recorded) -> None:
    with LocalProvider() as provider:
        client = openai.OpenAI(base_url=provider.openai_url, api_key="any")
        client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}]
        )

        assert "stream_options" not in provider.requests[-1].json_object()


def test_a_stream_left_early_is_partial_or_estimated(asking: Recorded) -> None:
    with LocalProvider() as provider:
        provider.enqueue(Reply(answer=Answer(text="one two three four five six seven")))
        client = openai.OpenAI(base_url=provider.openai_url, api_key="any")
        chunks = client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        next(iter(chunks))
        chunks.close()

    attributes = asking.attributes()
    assert attributes["llmtrace.stream.outcome"] == "abandoned"
    assert attributes["llmtrace.usage.source"] == "estimated"


@given(st.lists(st.integers(min_value=1, max_value=40), max_size=30))
def test_the_filter_gives_the_same_wherever_the_pieces_are_cut(sizes: list[int]) -> None:
    whole = CHUNK + BARE + CHUNK + LAST + DONE
    filtered = UsageFilter()
    out, at = b"", 0
    for size in [*sizes, len(whole)]:
        out += filtered.feed(whole[at : at + size])
        at += size
    out += filtered.rest()

    assert out == BARE + BARE + BARE + DONE


@pytest.mark.parametrize(
    "event",
    [
        b": keep-alive\n\n",
        b'data: {"usage": half\n\n',
        b'data: ["usage"]\n\n',
        b'data: {"choices":[{"delta":{"content":"\\"usage\\":null"}}]}\n\n',
        b'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}\n\n',
        b'event: x\ndata: {"usage":null}\n\n',
    ],
)
def test_what_is_not_the_usage_we_asked_for_passes_as_it_is(event: bytes) -> None:
    assert UsageFilter().feed(event) == event


def test_a_usage_that_stands_in_two_places_loses_only_the_outer_one() -> None:
    event = b'data: {"choices":[{"delta":{},"usage":null}],"usage":null}\n\n'

    kept = json.loads(UsageFilter().feed(event).removeprefix(b"data:"))

    assert kept == {"choices": [{"delta": {}, "usage": None}]}
