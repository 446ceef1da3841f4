"""What every API's calls say: once per call, whatever happened to it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import json
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.testing.provider import Answer, Reply, faults

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.contract.apis import Api
    from tests.instrument.recording import Recorded


def test_an_async_call_says_the_same_as_a_sync_one(
    api: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    async def call() -> None:
        async with api.client(provider, is_async=True) as client:
            await api.create(client)

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
    assert {k: v for k, v in asynchronous["attributes"].items() if k not in varies} == {
        k: v for k, v in sync["attributes"].items() if k not in varies
    }
    assert asynchronous["attributes"].keys() == sync["attributes"].keys()


def test_two_retries_are_one_call_with_two_events(
    api: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.rate_limited(retry_after_s=0.01, times=2))

    api.create(api.client(provider, max_retries=3))

    span = recorded.span()
    noted = {"http.response.status_code": 429, "llmtrace.rate_limit.retry_after_s": 0.01}
    assert span["attributes"]["llmtrace.retry.count"] == 2
    assert [(e["name"], e["attributes"]) for e in span["events"]] == [
        ("llmtrace.retry", noted),
        ("llmtrace.retry", noted),
    ]
    assert span["status"] == "unset"
    times = [event["time_unix_ns"] for event in span["events"]]
    assert span["start_unix_ns"] <= times[0] <= times[1] <= span["end_unix_ns"]


def test_a_retry_after_a_lost_connection_has_no_status(
    api: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.dropped())

    api.create(api.client(provider, max_retries=1))

    span = recorded.span()
    assert [event["attributes"] for event in span["events"]] == [{}]
    assert span["attributes"]["llmtrace.retry.count"] == 1


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (404, "NotFoundError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
    ],
)
def test_a_refused_call_names_the_error_and_costs_nothing(
    api: Api, provider: LocalProvider, recorded: Recorded, status: int, name: str
) -> None:
    provider.enqueue(Reply(status=status, headers={"retry-after": "7"}))

    with pytest.raises(Exception, match=str(status)):
        api.create(api.client(provider))

    span = recorded.span()
    attributes = span["attributes"]
    assert span["status"] == "error"
    assert str(status) in span["status_message"]
    assert attributes["error.type"] == f"{api.sdk}.{name}"
    assert attributes["http.response.status_code"] == status
    assert attributes["llmtrace.rate_limit.retry_after_s"] == 7
    assert attributes["llmtrace.request_id"]
    assert "error" in attributes["llmtrace.response.body"]
    assert not [name for name in attributes if name.startswith(("gen_ai.usage", "llmtrace.cost"))]


def test_the_last_of_the_retries_is_counted(
    api: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.rate_limited(times=2))

    with pytest.raises(Exception, match="429"):
        api.create(api.client(provider, max_retries=1))

    span = recorded.span()
    assert span["attributes"]["llmtrace.retry.count"] == 1
    assert len(span["events"]) == 1


def test_a_lost_connection_is_an_error_without_a_status(
    api: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.dropped())

    with pytest.raises(Exception, match="Connection error"):
        api.create(api.client(provider))

    span = recorded.span()
    assert span["attributes"]["error.type"] == f"{api.sdk}.APIConnectionError"
    assert "http.response.status_code" not in span["attributes"]
    assert span["attributes"]["llmtrace.request.body"]


def test_a_timeout_is_named(api: Api, provider: LocalProvider, recorded: Recorded) -> None:
    provider.enqueue(Reply(delay_s=5))

    with pytest.raises(Exception, match="timed out"):
        api.create(api.client(provider, timeout=0.05))

    assert recorded.attributes()["error.type"] == f"{api.sdk}.APITimeoutError"


def test_garbage_with_status_200_is_an_error_of_the_provider(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(body=b"{half", content_type="text/plain"))

    speaking.create(speaking.client(provider))

    span = recorded.span()
    assert span["status"] == "error"
    assert span["attributes"]["error.type"] == "invalid_response"


def test_an_answer_cut_by_its_limit_says_so(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    speaking.create(speaking.client(provider), **dict[str, Any](speaking.limit))

    assert recorded.attributes()["gen_ai.response.finish_reasons"] == [speaking.cut_short]


def test_a_drained_stream_is_completed_and_timed(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(delay_s=0.05, chunk_delay_s=0.002))

    chunks = list(speaking.create(speaking.client(provider), stream=True))

    span = recorded.span()
    attributes = span["attributes"]
    duration_s = (span["end_unix_ns"] - span["start_unix_ns"]) / 1e9
    assert len(chunks) > 5
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["llmtrace.stream.outcome"] == "completed"
    assert attributes["gen_ai.response.finish_reasons"] == [speaking.stopped]
    assert 0.05 <= attributes["gen_ai.response.time_to_first_chunk"] < duration_s
    assert json.loads(attributes["llmtrace.response.body"])["model"] == speaking.snapshot


def test_a_stream_left_early_is_abandoned_and_its_usage_partial_or_estimated(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    stream = speaking.create(speaking.client(provider), stream=True)
    for number, _ in enumerate(stream):
        if number == 6:
            break
    stream.close()

    attributes = recorded.attributes()
    assert attributes["llmtrace.stream.outcome"] == "abandoned"
    assert attributes["llmtrace.usage.source"] in {"partial", "estimated"}
    assert attributes["gen_ai.usage.input_tokens"] > 0
    assert attributes["gen_ai.usage.output_tokens"] > 0
    assert attributes["llmtrace.cost.source"] == "estimated"


def test_a_stream_never_read_is_abandoned_when_it_is_collected(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    stream = speaking.create(speaking.client(provider), stream=True)
    del stream
    gc.collect()

    assert recorded.attributes()["llmtrace.stream.outcome"] == "abandoned"


def test_a_stream_cut_by_the_network_has_failed(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.cut_inside_event(after_events=3))

    with pytest.raises(Exception):  # noqa: B017, PT011  # which one is the SDK's business
        list(speaking.create(speaking.client(provider), stream=True))

    span = recorded.span()
    assert span["status"] == "error"
    assert span["attributes"]["llmtrace.stream.outcome"] == "failed"
    assert span["attributes"]["error.type"]


def test_an_error_event_inside_a_stream_is_an_error(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.error_inside_stream())

    with contextlib.suppress(Exception):  # some SDKs raise, some hand the event on
        list(speaking.create(speaking.client(provider), stream=True))

    span = recorded.span()
    assert span["status"] == "error"
    assert span["attributes"]["llmtrace.stream.outcome"] == "failed"
    assert span["attributes"]["http.response.status_code"] == 200


def test_a_cancelled_stream_is_recorded_once(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(chunk_delay_s=0.2))

    async def call() -> None:
        async with speaking.client(provider, is_async=True) as client:
            stream = await speaking.create(client, stream=True)
            arrived = asyncio.Event()

            async def read() -> None:
                async for _ in stream:
                    arrived.set()

            task = asyncio.create_task(read())
            await arrived.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(call())

    attributes = recorded.attributes()
    assert attributes["llmtrace.stream.outcome"] == "failed"
    assert attributes["error.type"].endswith("CancelledError")


def test_a_compressed_stream_is_read(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(answer=Answer(text="Grüße aus Lyon 🌍"), is_gzipped=True))

    list(speaking.create(speaking.client(provider), stream=True))

    attributes = recorded.attributes()
    assert "Grüße aus Lyon 🌍" in attributes["llmtrace.response.body"]
    assert attributes["llmtrace.stream.outcome"] == "completed"


def test_half_a_surrogate_pair_is_stored_as_a_replacement_character(
    speaking: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.lone_surrogate())

    speaking.create(speaking.client(provider))

    assert "half a pair" in recorded.attributes()["llmtrace.response.body"]


def test_odd_headers_are_left_out(api: Api, provider: LocalProvider, recorded: Recorded) -> None:
    odd = {
        "retry-after": "soon",
        "x-ratelimit-remaining-tokens": "9" * 40,
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


def test_calls_that_are_no_inference_are_not_recorded(
    provider: LocalProvider, recorded: Recorded
) -> None:
    from tests.instrument.contract.apis import CHAT, MESSAGES

    list(CHAT.client(provider).models.list())
    MESSAGES.client(provider).messages.count_tokens(
        model=MESSAGES.model, messages=[{"role": "user", "content": "Hi"}]
    )

    assert recorded.spans() == []


def test_fetching_a_response_is_no_second_bill(provider: LocalProvider, recorded: Recorded) -> None:
    from tests.instrument.contract.apis import RESPONSES

    client = RESPONSES.client(provider)
    made = RESPONSES.create(client)

    client.responses.retrieve(made.id)

    _, fetched = recorded.spans()
    attributes: dict[str, Any] = fetched["attributes"]
    assert attributes["gen_ai.operation.name"] == "fetch_response"
    assert attributes["gen_ai.response.id"] == made.id
    assert not [n for n in attributes if n.startswith(("gen_ai.usage", "llmtrace.cost"))]


def test_a_coroutine_thrown_away_in_another_context_closes_quietly_and_ends_the_call(
    api: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    # given: a call that waits for its answer
    async def call() -> None:
        async with api.client(provider, is_async=True) as client:
            waiting = api.create(client)
            contextvars.copy_context().run(waiting.send, None)

            # when: it is closed elsewhere, as the garbage collector does with forgotten tasks
            contextvars.copy_context().run(waiting.close)

    # then: nothing raises, as without llmtrace
    asyncio.run(call())
    assert recorded.span()["attributes"]["error.type"] == "GeneratorExit"
