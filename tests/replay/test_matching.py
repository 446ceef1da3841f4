"""Which stored call answers a request."""

from __future__ import annotations

import time
from typing import Any

import pytest

from llmtrace.replay.matching import canonical, choose, explain, first_difference, matches
from llmtrace.replay.stored import StoredCall, stored_call
from tests.replay.rows import row


def _call(request: Any, number: int = 1, **more: Any) -> StoredCall:
    return stored_call(row("openai.chat", request, {}, number=number, **more))


def test_the_order_of_keys_does_not_matter() -> None:
    assert canonical({"a": 1, "b": [{"c": 2, "d": 3}]}) == canonical(
        {"b": [{"d": 3, "c": 2}], "a": 1}
    )


def test_the_order_of_messages_matters() -> None:
    assert canonical({"m": [1, 2]}) != canonical({"m": [2, 1]})


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ({"p": "Hi [REDACTED:email]!"}, {"p": "Hi bob@example.com!"}),
        ({"p": "[REDACTED:email]"}, {"p": "bob@example.com"}),
        ({"p": "[REDACTED:email] and [REDACTED:phone]"}, {"p": "b@x.de and +49 30 1234567"}),
        ({"n": "[REDACTED:card]"}, {"n": 4111111111111111}),
        ({"a": "[REDACTED:email]", "b": "x"}, {"a": "b@x.de", "b": "x"}),
    ],
)
def test_what_was_redacted_may_have_been_anything(stored: Any, asked: Any) -> None:
    assert matches(_call(stored), canonical(asked))


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ({"p": "Hi [REDACTED:email]!"}, {"p": "Ho bob@example.com!"}),
        ({"p": "Hi [REDACTED:email]!"}, {"p": "Hi bob@example.com?"}),
        ({"p": "[REDACTED:email] and [REDACTED:phone]"}, {"p": "b@x.de or +49 30 1234567"}),
        ({"a": "[REDACTED:email]", "b": "x"}, {"a": "b@x.de", "b": "y"}),
        ({"p": "ab[REDACTED:x]ba"}, {"p": "aba"}),
    ],
)
def test_what_was_not_redacted_must_be_the_same(stored: Any, asked: Any) -> None:
    assert not matches(_call(stored), canonical(asked))


def test_many_marks_do_not_make_matching_slow() -> None:
    stored = {"p": "a[REDACTED:x]" * 5_000 + "z"}
    started = time.monotonic()

    matches(_call(stored), canonical({"p": "a" * 100_000}))

    assert time.monotonic() - started < 2


def test_the_first_call_that_fits_is_chosen_and_other_apis_are_not() -> None:
    calls = [_call({"a": 1}, 1), _call({"a": 2}, 2), _call({"a": 2}, 3)]

    assert choose(calls, "openai.chat", {"a": 2}) is calls[1]
    assert choose(calls, "openai.responses", {"a": 2}) is None
    assert choose(calls, "openai.chat", {"a": 3}) is None


def test_a_request_that_was_not_captured_matches_nothing() -> None:
    assert choose([_call(None)], "openai.chat", {}) is None


@pytest.mark.parametrize(
    ("stored", "wanted", "told"),
    [
        ({"a": 1}, {"a": 2}, "a is 1 in the store, 2 in the program"),
        ({"a": 1}, {}, "a is 1 in the store, null in the program"),
        (
            {"m": [{"c": "x"}]},
            {"m": [{"c": "y"}]},
            'm[0].c is "x" in the store, "y" in the program',
        ),
        ({"m": [1]}, {"m": [1, 2]}, "m has 1 entries in the store, 2 in the program"),
        ({"stream": True, "a": 1}, {"a": 2}, "a is 1 in the store, 2 in the program"),
    ],
)
def test_the_first_difference_is_named(stored: Any, wanted: Any, told: str) -> None:
    assert first_difference(stored, wanted) == told


def test_calls_that_are_used_up_are_told_apart_from_calls_that_never_were() -> None:
    calls = [_call({"a": 1}), _call({"a": 1}, 2)]

    assert explain(calls, [], "openai.chat", {"a": 1}) == (
        "the same request was recorded 2 times and has been answered that often already"
    )
    assert explain(calls, calls, "openai.responses", {"a": 1}) == (
        "no stored openai.responses call is left (left: openai.chat)"
    )


def test_requests_that_were_not_captured_are_named() -> None:
    calls = [_call(None)]

    assert explain(calls, calls, "openai.chat", {"a": 1}) == (
        "the requests of 0000000000000001 were not captured whole, so nothing can match"
    )
