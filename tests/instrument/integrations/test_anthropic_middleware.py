"""One call that sends several requests, as a middleware does: one span a billed inference."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from llmtrace import semconv
from llmtrace.testing.provider import LocalProvider, Reply

middleware = pytest.importorskip("anthropic.lib.middleware", reason="anthropic before 2 has none")

if TYPE_CHECKING:
    from tests.instrument.recording import Recorded

ASK: Any = [{"role": "user", "content": "Hello, how are you?"}]
REFUSED = {
    "id": "msg_refused",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-5",
    "content": [],
    "stop_reason": "refusal",
    "stop_sequence": None,
    "usage": {"input_tokens": 7, "output_tokens": 3},
    "stop_details": {"type": "refusal", "category": "cyber", "fallback_credit_token": "t"},
}


def refusing_stream() -> Reply:
    start = {**REFUSED, "stop_reason": None, "stop_details": None}
    delta = {
        "delta": {"stop_reason": "refusal", "stop_details": REFUSED["stop_details"]},
        "usage": {"output_tokens": 3},
    }
    events = (
        ("message_start", {"message": start}),
        ("message_delta", delta),
        ("message_stop", {}),
    )
    return Reply(
        pieces=tuple(
            f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()
            for name, data in events
        )
    )


def options(provider: LocalProvider, *layers: Any, retries: int = 0) -> dict[str, Any]:
    return {
        "base_url": provider.anthropic_url,
        "api_key": "k",
        "max_retries": retries,
        "middleware": list(layers)
        or [middleware.BetaRefusalFallbackMiddleware([{"model": "claude-sonnet-4-5"}])],
    }


def ask(provider: LocalProvider, *, is_async: bool, stream: bool, **more: Any) -> None:
    """Make one call and read all of its answer."""
    call: dict[str, Any] = {"model": "claude-opus-4-5", "max_tokens": 64, "messages": ASK}

    async def awaited() -> None:
        async with anthropic.AsyncAnthropic(**options(provider, **more)) as client:
            if not stream:
                await client.beta.messages.create(**call)
                return
            async with client.beta.messages.stream(**call) as events:
                await events.get_final_message()

    if is_async:
        asyncio.run(awaited())
        return
    with anthropic.Anthropic(**options(provider, **more)) as client:
        if not stream:
            client.beta.messages.create(**call)
            return
        with client.beta.messages.stream(**call) as events:
            events.get_final_message()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_refusal_and_what_it_falls_back_to_are_billed_apart(
    provider: LocalProvider, recorded: Recorded, *, is_async: bool, stream: bool
) -> None:
    provider.enqueue(refusing_stream() if stream else Reply(json=REFUSED))

    ask(provider, is_async=is_async, stream=stream)

    spans = {s["attributes"][semconv.RESPONSE_MODEL]: s["attributes"] for s in recorded.spans()}
    assert len(recorded.spans()) == len(provider.requests) == 2
    refused, served = spans["claude-opus-4-5"], spans["claude-sonnet-4-5-20250929"]
    assert refused[semconv.USAGE_INPUT_TOKENS] == 7
    assert refused[semconv.RESPONSE_FINISH_REASONS] == ["refusal"]
    assert served[semconv.REQUEST_MODEL] == "claude-sonnet-4-5"
    assert served[semconv.COST_TOTAL] > 0
    assert {s[semconv.OPERATION_NAME] for s in spans.values()} == {"chat"}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_call_that_needs_no_fallback_is_one_span(
    provider: LocalProvider, recorded: Recorded, *, is_async: bool, stream: bool
) -> None:
    ask(provider, is_async=is_async, stream=stream)

    assert recorded.attributes()[semconv.USAGE_OUTPUT_TOKENS] > 0


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_retry_below_a_middleware_is_not_a_second_span(
    provider: LocalProvider, recorded: Recorded, *, is_async: bool, stream: bool
) -> None:
    provider.enqueue(Reply(status=529, headers={"retry-after-ms": "1"}))

    ask(provider, is_async=is_async, stream=stream, retries=1)

    span = recorded.span()
    assert span["status"] == "unset"
    assert span["attributes"][semconv.RETRY_COUNT] == 1
    assert span["attributes"][semconv.USAGE_OUTPUT_TOKENS] > 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_fallback_that_fails_is_an_error_without_a_cost(
    provider: LocalProvider, recorded: Recorded, *, stream: bool
) -> None:
    provider.enqueue(refusing_stream() if stream else Reply(json=REFUSED), Reply(status=400))

    try:
        ask(provider, is_async=False, stream=stream)
    except anthropic.APIStatusError:
        assert not stream  # a stream degrades to the refusal

    refused, fallback = sorted(recorded.spans(), key=lambda span: span["start_unix_ns"])
    # The refusal is billed, also where its caller sees the error of the fallback.
    assert refused["attributes"][semconv.COST_TOTAL] > 0
    assert refused["status"] == ("unset" if stream else "error")
    assert fallback["status"] == "error"
    assert semconv.COST_TOTAL not in fallback["attributes"]


def test_a_middleware_of_the_apps_own_that_asks_twice_pays_twice(
    provider: LocalProvider, recorded: Recorded
) -> None:
    def twice(request: Any, call_next: Any) -> Any:
        call_next(request)
        return call_next(request)

    with anthropic.Anthropic(**options(provider, twice)) as client:
        client.messages.create(model="claude-opus-4-5", max_tokens=64, messages=ASK)

    spans = recorded.spans()
    assert len(spans) == len(provider.requests) == 2
    assert all(span["attributes"][semconv.COST_TOTAL] > 0 for span in spans)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_tool_runner_is_one_span_a_turn(provider: LocalProvider, recorded: Recorded) -> None:
    @anthropic.beta_tool
    def track_parcel(number: str) -> str:
        """Say where a parcel is.

        Args:
            number: Of the parcel.
        """
        return f"{number} is in Leeds"

    with anthropic.Anthropic(base_url=provider.anthropic_url, api_key="k") as client:
        client.beta.messages.tool_runner(
            model="claude-sonnet-4-5",
            max_tokens=200,
            tools=[track_parcel],
            messages=[{"role": "user", "content": "track_parcel 17 please"}],
        ).until_done()

    assert len(recorded.spans()) == len(provider.requests) == 2


def test_counting_tokens_is_no_usage(provider: LocalProvider, recorded: Recorded) -> None:
    with anthropic.Anthropic(base_url=provider.anthropic_url, api_key="k") as client:
        client.messages.count_tokens(model="claude-sonnet-4-5", messages=ASK)
        client.beta.messages.count_tokens(model="claude-sonnet-4-5", messages=ASK)

    for span in recorded.spans():
        assert span["attributes"][semconv.OPERATION_NAME] == "count_tokens"
        assert semconv.USAGE_INPUT_TOKENS not in span["attributes"]
        assert "input_tokens" in span["attributes"][semconv.RESPONSE_BODY]
