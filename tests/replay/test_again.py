"""What the command and the page share: options, the plan, one replay, the command to copy."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.clock import SystemClock
from llmtrace.config import Settings
from llmtrace.errors import ReplayError
from llmtrace.replay.again import (
    ReplayRequest,
    command_line,
    override_of,
    plan_of,
    present_prices,
    replay_again,
    usd_of,
)
from llmtrace.replay.stored import stored_call
from llmtrace.testing.provider import LocalProvider
from tests.replay.rows import CHAT, recorded, row

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("temperature=0", ("temperature", 0)),
        ("user=ann", ("user", "ann")),
        ("a.b={}", ("a.b", {})),
        ("stop=null", ("stop", None)),
        ("note=a=b", ("note", "a=b")),
    ],
)
def test_a_parameter_is_json_or_else_text(text: str, expected: tuple[str, object]) -> None:
    assert override_of(text) == expected


@pytest.mark.parametrize("text", ["temperature", "=1", "a..b=1", ""])
def test_what_is_no_parameter_is_told(text: str) -> None:
    with pytest.raises(ReplayError, match="write NAME=VALUE"):
        override_of(text)


def test_an_amount_is_exact() -> None:
    assert usd_of("0.10") == Decimal("0.10")
    with pytest.raises(ReplayError, match="no amount in USD"):
        usd_of("ten")


def test_the_command_says_the_same_as_the_request() -> None:
    request = ReplayRequest(
        model="gpt-5; rm -rf /",
        overrides={"user": "it's me", "temperature": 0, "stop": None},
        max_usd=Decimal("0.1"),
        allow_redacted=True,
    )

    words = shlex.split(command_line("00ab", request))

    assert words[:3] == ["llmtrace", "replay", "00ab"]
    assert words[words.index("--model") + 1] == "gpt-5; rm -rf /"
    given = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    assert dict(override_of(text) for text in given) == request.overrides
    assert words[-3:] == ["--max-usd", "0.1", "--allow-redacted"]


def test_one_replay_is_priced_recorded_and_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    happened: list[str] = []

    @contextmanager
    def recording() -> Generator[None, None, None]:
        happened.append("open")
        yield
        happened.append("closed")

    with LocalProvider() as provider:
        call = stored_call(recorded(provider, "openai.chat", CHAT, input_tokens=9))
        price = present_prices(Settings(), SystemClock())
        request = ReplayRequest(base_url=provider.openai_url, max_usd=Decimal(1))

        found = replay_again(
            call,
            plan_of(call, request, price),
            request,
            price=price,
            clock=SystemClock(),
            recording=recording(),
        )

    assert found.is_same
    assert found.after.cost_usd
    assert happened == ["open", "closed"]


def test_what_may_cost_too_much_is_neither_sent_nor_recorded() -> None:
    call = stored_call(row("openai.chat", CHAT, None, input_tokens=1_000))
    price = present_prices(Settings(), SystemClock())
    request = ReplayRequest(max_usd=Decimal("0.000001"))

    @contextmanager
    def recording() -> Generator[None, None, None]:
        raise AssertionError("recorded")
        yield

    with pytest.raises(ReplayError, match="more than --max-usd"):
        replay_again(
            call,
            plan_of(call, request, price),
            request,
            price=price,
            clock=SystemClock(),
            recording=recording(),
        )
