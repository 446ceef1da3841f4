"""What every API's calls say: once per call, whatever happened to it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import json
from typing import TYPE_CHECKING

import pytest

from llmtrace import semconv, wire
from llmtrace.testing.provider import Reply, faults
from tests.instrument.contract.playing import adapted, play, take

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.contract.apis import Api, FreeCall
    from tests.instrument.recording import Recorded


def test_a_call_is_one_counted_span_with_its_tokens_and_its_price(
    api: Api, provider: LocalProvider, recorded: Recorded, is_async: bool
) -> None:
    async def call() -> None:
        client = api.client(provider, is_async=is_async)
        await adapted(api.create(client))
        await adapted(api.sdk.close(client))

    play(call(), is_async=is_async)

    span = recorded.span()
    attributes = span["attributes"]
    expected = {
        "gen_ai.operation.name": api.operation,
        "gen_ai.provider.name": api.sdk.provider or api.sdk.name,
        "gen_ai.request.model": api.model,
        "gen_ai.response.model": api.answers_as,
        "llmtrace.api": api.wire,
        "llmtrace.sdk": api.version,
        "llmtrace.retry.count": 0,
        "llmtrace.usage.source": "provider",
        "llmtrace.cost.source": "list" if api.priced else attributes.get("llmtrace.cost.source"),
        "http.response.status_code": 200,
        "server.address": "127.0.0.1" if api.sdk.shows_http else None,
        "server.port": provider.port if api.sdk.shows_http else None,
    }
    assert {name: attributes.get(name) for name in expected} == expected
    assert api.operation in semconv.INFERENCE_OPERATIONS
    assert (span["name"], span["kind"], span["status"]) == (
        f"{api.operation} {api.model}",
        "client",
        "unset",
    )
    assert attributes["gen_ai.usage.input_tokens"] > 0
    assert (attributes.get("llmtrace.cost.total_usd", 0.0) > 0) is api.priced
    assert "llmtrace.request_id" in attributes or not api.sdk.has_request_id
    assert len(provider.requests) == 1


def test_an_async_call_says_the_same_as_a_sync_one(
    async_api: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    api = async_api

    async def call() -> None:
        client = api.client(provider, is_async=True)
        await adapted(api.create(client))
        await adapted(api.sdk.close(client))

    api.create(api.client(provider))
    asyncio.run(call())

    sync, asynchronous = recorded.spans()
    varies = {
        "llmtrace.request_id",
        "gen_ai.response.id",
        "llmtrace.response.body",
        "llmtrace.rate_limit.remaining_requests",
        "llmtrace.rate_limit.remaining_tokens",
    }
    said, also_said = (
        {name: value for name, value in span["attributes"].items() if name not in varies}
        | {"llmtrace.request.body": json.loads(span["attributes"]["llmtrace.request.body"])}
        for span in (sync, asynchronous)
    )
    assert also_said == said
    assert asynchronous["attributes"].keys() == sync["attributes"].keys()


def test_the_arguments_are_left_as_they_were(
    api: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    given = api.arguments("Where is my parcel?", **api.tools)
    before = copy.deepcopy(given)

    api.send(api.client(provider), given)

    assert given == before
    assert recorded.span()


def test_two_retries_are_one_call_with_two_events(
    retrying: Api, provider: LocalProvider, recorded: Recorded, is_async: bool
) -> None:
    provider.enqueue(faults.rate_limited(retry_after_s=0.01, times=2))

    async def call() -> None:
        client = retrying.client(provider, is_async=is_async, retries=3)
        await adapted(retrying.create(client))
        await adapted(retrying.sdk.close(client))

    play(call(), is_async=is_async)

    span = recorded.span()
    noted = {"http.response.status_code": 429, "llmtrace.rate_limit.retry_after_s": 0.01}
    assert span["attributes"]["llmtrace.retry.count"] == 2
    assert [(e["name"], e["attributes"]) for e in span["events"]] == [
        ("llmtrace.retry", noted),
        ("llmtrace.retry", noted),
    ]
    assert span["status"] == "unset"
    assert span["attributes"]["llmtrace.usage.source"] == "provider"
    times = [event["time_unix_ns"] for event in span["events"]]
    assert span["start_unix_ns"] <= times[0] <= times[1] <= span["end_unix_ns"]
    assert len(provider.requests) == 3


def test_a_retry_after_a_lost_connection_has_no_status(
    retrying_lost: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.dropped())

    retrying_lost.create(retrying_lost.client(provider, retries=1))

    span = recorded.span()
    assert [event["attributes"] for event in span["events"]] == [{}]
    assert span["attributes"]["llmtrace.retry.count"] == 1
    assert span["attributes"]["http.response.status_code"] == 200


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_a_refused_call_names_the_error_and_costs_nothing(
    api: Api, provider: LocalProvider, recorded: Recorded, status: int
) -> None:
    provider.enqueue(Reply(status=status, headers={"retry-after": "7"}))

    with pytest.raises(Exception, match=str(status) if api.sdk.says_status else None) as raised:
        api.create(api.client(provider))

    span = recorded.span()
    attributes = span["attributes"]
    assert span["status"] == "error"
    assert str(status) in span["status_message"] or not api.sdk.says_status
    assert span["status_message"]
    assert attributes["error.type"] == api.sdk.error_type(raised.value) == api.sdk.errors[status]
    assert attributes["http.response.status_code"] == status
    assert attributes.get("llmtrace.request_id") or not api.sdk.has_request_id
    if api.sdk.shows_http:
        assert attributes["llmtrace.rate_limit.retry_after_s"] == 7
        assert attributes["llmtrace.response.body"]
    assert not [name for name in attributes if name.startswith(("gen_ai.usage", "llmtrace.cost"))]


def test_the_last_of_the_retries_is_counted(
    retrying_counted: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.rate_limited(times=2))

    with pytest.raises(Exception, match="429" if retrying_counted.sdk.says_status else None):
        retrying_counted.create(retrying_counted.client(provider, retries=1))

    span = recorded.span()
    assert span["attributes"]["llmtrace.retry.count"] == 1
    assert len(span["events"]) == 1
    assert len(provider.requests) == 2


def test_a_lost_connection_is_an_error_without_a_status(
    api: Api, provider: LocalProvider, recorded: Recorded, is_async: bool
) -> None:
    provider.enqueue(faults.dropped())

    async def call() -> None:
        client = api.client(provider, is_async=is_async)
        try:
            await adapted(api.create(client))
        finally:
            await adapted(api.sdk.close(client))

    with pytest.raises(Exception) as raised:  # noqa: PT011  # which one is asserted below
        play(call(), is_async=is_async)

    span = recorded.span()
    attributes = span["attributes"]
    lost = api.sdk.lost_async if is_async and api.sdk.lost_async else api.sdk.lost
    assert attributes["error.type"] == api.sdk.error_type(raised.value) == lost
    assert attributes["llmtrace.request.body"]
    if api.sdk.shows_http:
        assert "http.response.status_code" not in attributes
        assert attributes["server.port"] == provider.port


def test_a_timeout_is_named(hurried: Api, provider: LocalProvider, recorded: Recorded) -> None:
    provider.enqueue(Reply(delay_s=5))

    with pytest.raises(Exception) as raised:  # noqa: PT011  # which one is asserted below
        hurried.create(hurried.client(provider, timeout_s=0.05))

    error_type = hurried.sdk.error_type(raised.value)
    assert recorded.attributes()["error.type"] == error_type == hurried.sdk.timed_out


def test_garbage_with_status_200_is_an_error_of_the_provider(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(body=b"{half", content_type="text/plain"))

    error_type = "invalid_response"
    try:
        speaking.create(speaking.client(provider))
    except Exception as error:  # noqa: BLE001  # some SDKs raise, some hand on what came
        error_type = error_type if speaking.sdk.reads_late else speaking.sdk.error_type(error)

    span = recorded.span()
    assert span["status"] == "error"
    assert span["attributes"]["error.type"] == error_type


def test_an_answer_cut_by_its_limit_says_so(
    limited: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    limited.create(limited.client(provider), **limited.limit)

    assert recorded.attributes()["gen_ai.response.finish_reasons"] == [limited.cut_short]


def test_a_call_of_a_tool_can_be_read(
    tooled: Api, provider: LocalProvider, recorded: Recorded, stream: bool
) -> None:
    async def call() -> None:
        result = tooled.create(tooled.client(provider), stream=stream, **tooled.tools)
        if stream:
            await take(tooled.chunks(result))

    play(call(), is_async=False)

    attributes = recorded.attributes()
    asked, answered = (
        json.loads(attributes[f"llmtrace.{which}.body"]) for which in ("request", "response")
    )
    (offered,) = wire.tool_definitions(tooled.wire, asked)
    parts = [p for m in wire.output_messages(tooled.wire, answered) for p in m.parts]
    assert attributes.get("gen_ai.response.finish_reasons", [""]) == [tooled.called]
    assert offered["name"] == "track_parcel"
    assert [p["name"] for p in parts if p["type"] == "tool_call"] == ["track_parcel"]


def test_the_raw_response_is_recorded_like_the_plain_one(
    raw: Api, provider: LocalProvider, recorded: Recorded, is_async: bool
) -> None:
    async def call() -> None:
        client = raw.client(provider, is_async=is_async)
        await adapted(raw.create_raw(client))
        await adapted(raw.sdk.close(client))

    play(call(), is_async=is_async)

    attributes = recorded.attributes()
    assert attributes["llmtrace.usage.source"] == "provider"
    assert attributes["gen_ai.usage.input_tokens"] > 0


def test_half_a_surrogate_pair_is_stored_as_a_replacement_character(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.lone_surrogate())

    with contextlib.suppress(Exception):  # strict JSON parsers refuse it
        speaking.create(speaking.client(provider))

    assert "half a pair" in recorded.attributes()["llmtrace.response.body"]


def test_odd_headers_are_left_out(api: Api, provider: LocalProvider, recorded: Recorded) -> None:
    odd = {
        "retry-after": "soon",
        "x-ratelimit-remaining-tokens": "9" * 40,
        "x-ratelimit-remaining-tokens-minute": "9" * 40,
        "x-ratelimit-limit-req-minute": "-1",
        "anthropic-ratelimit-tokens-remaining": "9" * 40,
        "x-ratelimit-limit-requests": "-1",
        "anthropic-ratelimit-requests-limit": "-1",
    }
    provider.enqueue(Reply(headers=odd))

    api.create(api.client(provider))

    attributes = recorded.attributes()
    assert "llmtrace.rate_limit.retry_after_s" not in attributes
    assert "llmtrace.rate_limit.remaining_tokens" not in attributes
    assert "llmtrace.rate_limit.limit_requests" not in attributes


def test_calls_that_are_no_inference_are_not_billed(
    free_call: FreeCall, provider: LocalProvider, recorded: Recorded
) -> None:
    sdk = free_call.sdk
    free_call.call(sdk.connect(provider, is_async=False, retries=0, timeout_s=None, key="any"))

    assert provider.requests
    for span in recorded.spans():
        attributes = span["attributes"]
        assert attributes["gen_ai.operation.name"] not in semconv.INFERENCE_OPERATIONS
        assert not [n for n in attributes if n.startswith(("gen_ai.usage", "llmtrace.cost"))]


def test_a_coroutine_thrown_away_in_another_context_closes_quietly_and_ends_the_call(
    quiet_async_api: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    # given: a call that waits for its answer
    async def call() -> None:
        client = quiet_async_api.client(provider, is_async=True)
        waiting = quiet_async_api.create(client)
        contextvars.copy_context().run(waiting.send, None)

        # when: it is closed elsewhere, as the garbage collector does with forgotten tasks
        contextvars.copy_context().run(waiting.close)
        await adapted(quiet_async_api.sdk.close(client))

    # then: nothing raises, as without llmtrace
    asyncio.run(call())
    assert recorded.span()["attributes"]["error.type"] == "GeneratorExit"
