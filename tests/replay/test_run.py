"""Sending again, through the real SDKs, to a loopback provider."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.clock import SystemClock
from llmtrace.errors import ReplayError
from llmtrace.records import UNPRICED
from llmtrace.replay.compare import answer_text, compare, replayed_side, stored_side
from llmtrace.replay.plan import ReplayPlan, plan_replay
from llmtrace.replay.run import cannot_send, send_again
from llmtrace.replay.stored import stored_call
from llmtrace.testing.provider import LocalProvider, Reply
from tests.replay.rows import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, recorded, row

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    with LocalProvider() as running:
        yield running


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-test-0123456789")


def _plan(call: dict[str, Any], **more: Any) -> ReplayPlan:
    return plan_replay(stored_call(call), price=lambda *_: UNPRICED, **more)


def _base(provider: LocalProvider, api: str) -> str:
    return provider.anthropic_url if api.startswith("anthropic") else provider.openai_url


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    ("api", "request_body"),
    [("openai.chat", CHAT), ("openai.responses", RESPONSES), ("anthropic.messages", MESSAGES)],
)
def test_the_same_request_gets_the_same_answer(
    provider: LocalProvider, api: str, request_body: dict[str, Any], is_stream: bool
) -> None:
    call = recorded(provider, api, request_body)
    if is_stream:
        call["request_body"] = {**request_body, "stream": True}
    plan = _plan(call)

    outcome = send_again(plan, clock=SystemClock(), base_url=_base(provider, api))

    found = compare(
        stored_side(stored_call(call)), replayed_side(plan, outcome, lambda *_: UNPRICED)
    )
    assert found.before.text
    assert found.is_same
    assert (outcome.ttfc_ms is not None) == is_stream
    assert outcome.latency_ms > 0
    assert provider.requests[-1].json == call["request_body"]


def test_embeddings_are_sent_again_and_no_vector_is_kept(provider: LocalProvider) -> None:
    plan = _plan(row("openai.embeddings", {**EMBEDDINGS, "encoding_format": "float"}, None))

    outcome = send_again(plan, clock=SystemClock(), base_url=provider.openai_url)

    assert '"dimensions"' in (answer_text(plan.api, outcome.body) or "")
    assert outcome.fields.usage


def test_parameters_that_the_sdk_does_not_know_are_sent_too(provider: LocalProvider) -> None:
    plan = _plan(row("openai.chat", {**CHAT, "top_k": 5, "reasoning_split": True}, None))

    send_again(plan, clock=SystemClock(), base_url=provider.openai_url)

    assert provider.requests[-1].json == plan.body


def test_the_sdks_own_variable_says_where_to(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", provider.openai_url)

    outcome = send_again(_plan(row("openai.chat", CHAT, None)), clock=SystemClock())

    assert outcome.fields.id


def test_nothing_is_sent_to_an_address_out_of_the_store(provider: LocalProvider) -> None:
    call = row(
        "openai.chat",
        CHAT,
        None,
        provider="groq",
        attributes=[("server.address", f"127.0.0.1:{provider.port}")],
    )

    with pytest.raises(ReplayError, match="name it yourself with --base-url"):
        send_again(_plan(call), clock=SystemClock())

    assert provider.requests == []


def test_a_missing_key_is_told_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")

    with pytest.raises(ReplayError, match="set OPENAI_API_KEY"):
        send_again(_plan(row("openai.chat", CHAT, None)), clock=SystemClock(), base_url="http://x")


def test_a_refusal_of_the_provider_is_told_without_the_key(provider: LocalProvider) -> None:
    provider.enqueue(Reply(status=401, message="Incorrect API key: sk-test-0123456789abcdef"))

    with pytest.raises(ReplayError, match="AuthenticationError 401") as raised:
        send_again(
            _plan(row("openai.chat", CHAT, None)),
            clock=SystemClock(),
            base_url=provider.openai_url,
        )

    assert "0123456789abcdef" not in str(raised.value)


def test_an_sdk_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anthropic", None)

    with pytest.raises(ReplayError, match="needs the anthropic package"):
        send_again(_plan(row("anthropic.messages", MESSAGES, None)), clock=SystemClock())


def test_an_answer_that_is_no_json_is_told(provider: LocalProvider) -> None:
    provider.enqueue(Reply(body=b"<html>gateway</html>"))

    with pytest.raises(ReplayError, match="no JSON"):
        send_again(
            _plan(row("openai.chat", CHAT, None)),
            clock=SystemClock(),
            base_url=provider.openai_url,
        )


def test_usage_and_cost_of_the_new_answer_are_counted(provider: LocalProvider) -> None:
    plan = _plan(row("openai.chat", CHAT, None))
    outcome = send_again(plan, clock=SystemClock(), base_url=provider.openai_url)
    seen: list[Any] = []

    def price(*arguments: Any) -> Any:
        seen.append(arguments)
        return UNPRICED

    side = replayed_side(plan, outcome, price)

    usage: Any = outcome.fields.usage
    assert (side.input_tokens, side.output_tokens) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    assert seen[0][0] == "openai"
    assert seen[0][2].input_tokens == usage["prompt_tokens"]


def test_what_would_steer_the_sdk_is_only_a_body(provider: LocalProvider) -> None:
    stored = {**CHAT, "timeout": 0.000001, "extra_headers": {"x-from-store": "1"}}

    send_again(
        _plan(row("openai.chat", stored, None)), clock=SystemClock(), base_url=provider.openai_url
    )

    assert provider.requests[-1].json == stored
    assert "x-from-store" not in provider.requests[-1].headers


def test_a_process_says_why_it_cannot_send(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cannot_send("openai.chat") is None

    monkeypatch.delenv("OPENAI_API_KEY")

    assert cannot_send("openai.chat") == (
        "OPENAI_API_KEY is not set in the environment of this process"
    )
    assert "cannot be sent again" in (cannot_send("gemini.generate") or "")
