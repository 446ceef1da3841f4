"""Each turn of a session is shown once, however its program sends the history."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmtrace.store.text_difference import message_text
from llmtrace.store.transcript import Turn, transcript

ROLES = ("user", "assistant")


def row(sent: list[str], answer: str | None, system: str | None = None) -> dict[str, Any]:
    """Return a call whose messages alternate between user and assistant, a user's first."""
    messages = [{"role": ROLES[place % 2], "content": text} for place, text in enumerate(sent)]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    choice = {"index": 0, "message": {"role": "assistant", "content": answer}}
    return {
        "api": "openai.chat",
        "request_body": json.dumps({"model": "gpt-5", "messages": messages}),
        "response_body": json.dumps({"choices": [choice]}) if answer is not None else None,
    }


def told(turn: Turn) -> list[str]:
    return [message_text(each) for each in (*turn.said, *turn.answer)]


def test_the_history_that_is_sent_again_is_left_out() -> None:
    turns = transcript([
        row(["Hi"], "Hello", "Be kind."),
        row(["Hi", "Hello", "Where is it?"], "On its way", "Be kind."),
        row(["Hi", "Hello", "Where is it?", "On its way", "Thanks"], "Bye", "Be brief."),
    ])  # fmt: skip

    assert [told(turn) for turn in turns] == [
        ["Hi", "Hello"], ["Where is it?", "On its way"], ["Thanks", "Bye"],
    ]  # fmt: skip
    assert [turn.repeated for turn in turns] == [0, 2, 4]
    assert [[part["content"] for part in turn.instructions] for turn in turns] == [
        ["Be kind."], [], ["Be brief."],
    ]  # fmt: skip


def test_a_window_of_the_last_messages_is_recognised() -> None:
    turns = transcript([row(["a", "b", "c"], "d"), row(["c", "d", "e"], "f")])

    assert told(turns[1]) == ["e", "f"]


def test_the_same_words_said_again_are_shown_again() -> None:
    turns = transcript([row(["yes"], "ok"), row(["yes", "ok", "yes"], "ok")])

    assert told(turns[1]) == ["yes", "ok"]


def test_a_question_asked_again_after_a_failure_shows_its_answer_only() -> None:
    turns = transcript([row(["a"], None), row(["a"], "b")])

    assert [told(turn) for turn in turns] == [["a"], ["b"]]


def test_an_edited_question_is_new_and_what_stood_before_it_is_not() -> None:
    turns = transcript([row(["a", "b", "c"], "d"), row(["a", "b", "other"], "e")])

    assert told(turns[1]) == ["other", "e"]


def test_calls_that_take_turns_in_two_threads_keep_them_apart() -> None:
    turns = transcript([row(["a"], "b"), row(["x"], "y"), row(["a", "b", "c"], "d"),
                        row(["x", "y", "z"], "!")])  # fmt: skip

    assert [told(turn) for turn in turns] == [["a", "b"], ["x", "y"], ["c", "d"], ["z", "!"]]


def test_tool_calls_are_recognised_whether_or_not_their_id_is_sent() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "orders", "arguments": "{}"}}
    asked = {"role": "user", "content": "Where?"}
    first: dict[str, Any] = {
        "api": "openai.chat",
        "request_body": json.dumps({"messages": [asked]}),
        "response_body": json.dumps(
            {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [call]}}]}
        ),
    }
    again = {"role": "assistant", "tool_calls": [{**call, "id": "other"}]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "sent"}
    second = {**row([], "Sent."), "request_body": json.dumps({"messages": [asked, again, result]})}

    turns = transcript([first, second])

    assert told(turns[0])[1] == "(tool call) orders({})"
    assert told(turns[1]) == ["(tool result) sent", "Sent."]


def test_a_turn_without_content_says_so_and_forgets_nothing() -> None:
    turns = transcript([row(["a"], "b"), {"api": None}, row(["a", "b", "c"], "d")])

    assert [turn.is_captured for turn in turns] == [True, False, True]
    assert told(turns[2]) == ["c", "d"]


@given(st.lists(st.tuples(st.text("ab", max_size=2), st.text("cd", max_size=2)), max_size=6))
def test_every_message_of_a_growing_history_is_shown_once(pairs: list[tuple[str, str]]) -> None:
    history: list[str] = []
    rows: list[dict[str, Any]] = []
    for question, answer in pairs:
        rows.append(row([*history, question], answer))
        history.extend((question, answer))

    shown = [turn.repeated + len(turn.said) for turn in transcript(rows)]

    assert shown == [2 * place + 1 for place in range(len(pairs))]
