"""Conversations as text, and what sets two texts apart, within bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmtrace.records import Message
from llmtrace.store.detail import Conversation
from llmtrace.store.text_difference import (
    MAX_CHARACTERS,
    MAX_LINES,
    conversation_text,
    difference,
)


def test_a_conversation_is_written_message_by_message() -> None:
    call = {"type": "tool_call", "name": "orders", "arguments": {"id": 7}}
    talk = Conversation(
        instructions=({"type": "text", "content": "Be kind."},),
        input=(
            Message(role="user", parts=({"type": "text", "content": "Where is it?"},)),
            Message(role="assistant", parts=(call,)),
            Message(role="tool", parts=({"type": "tool_call_response", "response": "sent"},)),
        ),
        output=(Message(role="assistant", parts=({"type": "blob", "mime_type": "image/png"},)),),
    )

    assert conversation_text(talk).splitlines() == [
        "[instructions]",
        "Be kind.",
        "[user]",
        "Where is it?",
        "[assistant]",
        '(tool call) orders({"id": 7})',
        "[tool]",
        "(tool result) sent",
        "[assistant]",
        '{"mime_type": "image/png", "type": "blob"}',
    ]


def test_lines_of_either_text_are_marked() -> None:
    found = difference("same\nold\nend", "same\nnew\nend")

    assert (found.is_same, found.is_whole) == (False, True)
    assert found.lines == ("@@ -1,3 +1,3 @@", " same", "-old", "+new", " end")


def test_a_paragraph_on_one_line_shows_the_words_that_differ() -> None:
    words = [f"word{number}" for number in range(40)]

    found = difference(" ".join(words), " ".join([*words[:30], "changed", *words[31:]]))

    assert [line for line in found.lines if line[0] == "+"] == [
        "+word24 word25 word26 word27 word28 word29 changed word31 word32 word33 word34 word35"
    ]


def test_what_is_too_long_is_compared_as_far_as_it_goes() -> None:
    long = "x\n" * MAX_LINES

    assert difference(long, long).is_whole
    assert not difference(long, long + "y").is_whole
    assert difference(long, long + "y").is_same
    assert not difference("z" * MAX_CHARACTERS, "z" * (MAX_CHARACTERS + 1)).is_whole


@given(st.text(max_size=40))
def test_a_text_is_the_same_as_itself(text: str) -> None:
    assert difference(text, text).is_same
    assert difference(text, text).lines == ()
