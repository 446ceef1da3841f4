"""The seam at httpx: which requests are a call's, and what is noted of them."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import llmtrace
from llmtrace import semconv
from llmtrace.instrument import invocation
from llmtrace.instrument.integrations import cohere
from llmtrace.instrument.integrations._base import Endpoint
from llmtrace.instrument.integrations.observe import observed, observed_async
from llmtrace.testing.provider import LocalProvider, Reply, faults
from tests.instrument.recording import spans_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.instrument.recording import Recorded

CHAT = Endpoint(api=semconv.API_COHERE_CHAT, operation=semconv.OP_CHAT)
BODY = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "Hi"}]}
KEY = {"authorization": "Bearer any"}


class SdkError(Exception):
    """What an SDK raises."""


@pytest.fixture(autouse=True)
def loaded() -> None:
    """Load an SDK on httpx, so that its hooks are on."""
    importlib.import_module("cohere.v2.raw_client")


def begin(*_: Any) -> Any:
    return invocation.begin(cohere.INTEGRATION, CHAT, None, None)


def inside(work: Callable[[], object]) -> Any:
    """Run ``work`` as a function of an SDK that makes one call."""
    return observed(begin)(work, None, (), {})


def inside_async(work: Callable[[], Awaitable[object]]) -> Any:
    return asyncio.run(observed_async(begin)(work, None, (), {}))


def post(provider: LocalProvider, **body: object) -> httpx.Response:
    return httpx.post(f"{provider.url}/v2/chat", json={**BODY, **body}, headers=KEY)


def test_requests_outside_a_call_are_none_of_ours(
    provider: LocalProvider, recorded: Recorded
) -> None:
    assert post(provider).status_code == 200

    assert recorded.spans() == []


def test_a_token_fetched_inside_a_call_is_no_attempt_of_it(
    provider: LocalProvider, recorded: Recorded
) -> None:
    def work() -> None:
        httpx.get(f"{provider.url}/v1/models", headers=KEY)
        post(provider)
        httpx.get(f"{provider.url}/v1/models", headers=KEY)

    inside(work)

    attributes = recorded.attributes()
    assert len(provider.requests) == 3
    assert attributes["llmtrace.retry.count"] == 0
    assert json.loads(attributes["llmtrace.request.body"]) == BODY
    assert "finish_reason" in attributes["llmtrace.response.body"]


def test_every_further_request_is_a_retry_that_names_what_came_before(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.rate_limited(retry_after_s=0.5), faults.dropped())

    def work() -> None:
        post(provider)
        with pytest.raises(httpx.RemoteProtocolError):
            post(provider)
        post(provider)

    inside(work)

    span = recorded.span()
    assert span["attributes"]["llmtrace.retry.count"] == 2
    assert span["attributes"]["http.response.status_code"] == 200
    assert [event["attributes"] for event in span["events"]] == [
        {"http.response.status_code": 429, "llmtrace.rate_limit.retry_after_s": 0.5},
        {},
    ]


def test_a_request_that_is_never_answered_is_noted_with_its_host(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.dropped())

    def work() -> None:
        try:
            post(provider)
        except httpx.RemoteProtocolError:
            raise SdkError("no answer") from None

    with pytest.raises(SdkError):
        inside(work)

    attributes = recorded.attributes()
    assert attributes["server.address"] == "127.0.0.1"
    assert json.loads(attributes["llmtrace.request.body"]) == BODY
    assert attributes["error.type"] == "tests.SdkError"


def test_reading_a_refusal_does_not_end_the_call(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(status=400))

    def work() -> None:
        url = f"{provider.url}/v2/chat"
        with httpx.stream("POST", url, json={**BODY, "stream": True}, headers=KEY) as response:
            response.read()
        raise SdkError("refused")

    with pytest.raises(SdkError):
        inside(work)

    attributes = recorded.attributes()
    assert attributes["error.type"] == "tests.SdkError"
    assert attributes["http.response.status_code"] == 400
    assert "message" in attributes["llmtrace.response.body"]


def test_an_async_client_is_seen_the_same(provider: LocalProvider, recorded: Recorded) -> None:
    provider.enqueue(faults.rate_limited())

    async def work() -> None:
        async with httpx.AsyncClient(headers=KEY) as client:
            await client.get(f"{provider.url}/v1/models")
            for _ in range(2):
                await client.post(f"{provider.url}/v2/chat", json=BODY)

    inside_async(work)

    attributes = recorded.attributes()
    assert attributes["llmtrace.retry.count"] == 1
    assert attributes["gen_ai.response.finish_reasons"] == ["COMPLETE"]


def test_the_wrappers_are_gone_after_uninstrument(
    provider: LocalProvider, recorded: Recorded
) -> None:
    assert post(provider).status_code == 200
    wrapped = vars(httpx.Client)["send"], vars(httpx.AsyncClient)["send"]

    llmtrace.uninstrument()

    assert recorded
    for before, owner in zip(wrapped, (httpx.Client, httpx.AsyncClient), strict=True):
        assert vars(owner)["send"] is before.__wrapped__


def test_a_mock_that_puts_back_a_bound_copy_of_our_wrapper_makes_nothing_count_twice(
    provider: LocalProvider, tmp_path: Path
) -> None:
    # given: what an app's mock saved by its name and put back, so that it stays when we leave
    llmtrace.instrument("cohere", home=tmp_path)
    bare = vars(httpx.Client)["send"].__wrapped__
    setattr(httpx.Client, "send", httpx.Client.send)  # noqa: B010  # pyright minds the other way
    llmtrace.uninstrument()

    # when
    llmtrace.instrument("cohere", home=tmp_path)
    try:
        inside(lambda: post(provider))
    finally:
        llmtrace.flush(10)
        llmtrace.uninstrument()
        httpx.Client.send = bare

    # then
    (span,) = spans_in(tmp_path / "spool")
    assert span["attributes"]["llmtrace.retry.count"] == 0
