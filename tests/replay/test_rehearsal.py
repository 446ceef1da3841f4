"""What a program would get offline, without the program."""

from __future__ import annotations

from typing import Any

from llmtrace.replay.rehearsal import rehearse
from llmtrace.replay.stored import stored_call
from llmtrace.testing.provider import LocalProvider
from tests.replay.rows import CHAT, MESSAGES, recorded, row


def test_whole_calls_are_served_as_stored_streams_too() -> None:
    with LocalProvider() as provider:
        chat = recorded(provider, "openai.chat", CHAT)
        messages = recorded(provider, "anthropic.messages", MESSAGES, number=2)
    messages["request_body"] = {**MESSAGES, "stream": True}

    first, second = rehearse([stored_call(chat), stored_call(messages)])

    assert first.is_same
    assert first.text
    assert first.told.startswith("served whole, ")
    assert second.is_same
    assert second.told.startswith("served streamed, ")


def test_equal_requests_are_answered_in_their_order() -> None:
    answers: list[Any] = [
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}
        for text in ("one", "two")
    ]
    calls = [stored_call(row("openai.chat", CHAT, each, number=at))
             for at, each in enumerate(answers, 1)]  # fmt: skip

    assert [each.text for each in rehearse(calls)] == ["one", "two"]
    assert all(each.is_same for each in rehearse(calls))


def test_what_cannot_be_served_says_why() -> None:
    calls = [
        stored_call(row("openai.chat", None, None)),
        stored_call(row("openai.chat", CHAT, None, number=2)),
        stored_call(row("openai.embeddings", {"model": "m", "input": "x"}, {"data": []}, number=3)),
    ]

    found = rehearse(calls)

    assert not any(each.is_same for each in found)
    assert "not captured whole" in found[0].told
    assert "was not captured" in found[1].told
    assert "vectors are never stored" in found[2].told


def test_a_recorded_failure_is_served_as_a_failure() -> None:
    calls = [
        stored_call(row("openai.chat", CHAT, {"error": {"message": "no"}}, http_status=429)),
        stored_call(
            row("openai.chat", {**CHAT, "seed": 1}, None, number=2, http_status=None,
                error_type="APITimeoutError")
        ),
    ]  # fmt: skip

    refused, timed_out = rehearse(calls)

    assert (refused.is_same, refused.told) == (True, "HTTP 429, as recorded")
    assert timed_out.is_same
    assert "APITimeoutError" in timed_out.told
