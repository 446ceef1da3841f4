"""Prompts that ought to begin alike: where they part is found exactly, and nothing else is."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.store import Writer
from llmtrace.store.behind import LONGEST_BODY, prompts_behind
from llmtrace.store.metrics import MetricQuery
from llmtrace.store.prompt_prefix import (
    LEAD,
    SHOWN,
    Segment,
    find_breaks,
    first_difference,
    prompt_of,
)
from tests.store.calls import NOON, call, minutes

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow

texts = st.text(max_size=200)
prompts = st.lists(texts, max_size=5)


def segments(parts: list[str]) -> list[Segment]:
    return [Segment(place=f"Message {number}", text=text) for number, text in enumerate(parts, 1)]


@given(parts=prompts, more=prompts)
def test_what_begins_alike_has_no_difference(parts: list[str], more: list[str]) -> None:
    assert first_difference(segments(parts), segments([*parts, *more])) is None


@given(ours=prompts, theirs=prompts)
def test_up_to_the_difference_all_is_alike_and_there_it_is_not(
    ours: list[str], theirs: list[str]
) -> None:
    found = first_difference(segments(ours), segments(theirs))

    if found is None:
        assert theirs[: len(ours)] == ours
        return
    place = found.segment
    assert ours[:place] == theirs[:place]
    at = found.shared_characters - sum(map(len, ours[:place]))
    other = theirs[place] if place < len(theirs) else ""
    assert ours[place][:at] == other[:at]
    assert ours[place][at : at + 1] != other[at : at + 1] or place >= len(theirs)
    assert found.before == ours[place][at : at + SHOWN]
    assert found.after == other[at : at + SHOWN]
    assert found.lead == ours[place][max(at - LEAD, 0) : at]
    assert found.shared_characters <= found.expected_characters == sum(map(len, ours))


@given(parts=st.lists(texts, min_size=1, max_size=5), data=st.data())
def test_a_changed_character_is_found_where_it_is(parts: list[str], data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(parts) - 1))
    at = data.draw(st.integers(0, len(parts[which])))
    changed = parts[which][:at] + "\ue000" + parts[which][at:]
    theirs = [*parts[:which], changed, *parts[which + 1 :]]

    found = first_difference(segments(parts), segments(theirs))

    assert found is not None
    assert (found.segment, found.after[0]) == (which, "\ue000")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=60)
@given(
    body=st.none() | st.text(max_size=20) | json_values.map(json.dumps)
    | st.fixed_dictionaries({"messages": json_values, "tools": json_values}).map(json.dumps),
    api=st.sampled_from([None, "openai.chat", "anthropic.messages", "nonsense"]),
)  # fmt: skip
def test_whatever_a_body_holds_nothing_is_raised(body: str | None, api: str | None) -> None:
    row = stored(request_body=body, input_messages=body, api=api)

    found = find_breaks([prompt_of(row), prompt_of(row)])

    assert found.breaks == ()


def stored(**changes: Any) -> dict[str, Any]:
    return {
        "start_time": NOON, "trace_id": "a" * 32, "span_id": "b" * 16, "name": "chat gpt-5",
        "model": "gpt-5", "session_id": None, "feature": None, "api": "openai.chat",
        "input_tokens": 2_000, "cache_read_tokens": 0, "truncated": None, "request_body": None,
        "input_messages": None, "system_instructions": None, "tool_definitions": None, **changes,
    }  # fmt: skip


def chat(at: int, *messages: str, **changes: Any) -> dict[str, Any]:
    """Return a call whose first message is the system's, then user and assistant in turn."""
    roles = ("user", "assistant")
    sent = [
        {"role": "system" if not number else roles[(number - 1) % 2], "content": text}
        for number, text in enumerate(messages)
    ]
    body = json.dumps({"model": "gpt-5", "messages": sent})
    return stored(start_time=NOON + minutes(at), span_id=f"{at:016x}", request_body=body, **changes)


def breaks(*rows: dict[str, Any]) -> list[tuple[str, int]]:
    found = find_breaks(prompt_of(row) for row in rows)
    return [(each.difference.place, each.times) for each in found.breaks]


def test_a_time_stamp_in_the_instructions_breaks_every_call() -> None:
    rows = [chat(at, f"Now: 12:0{at}. Be kind.", "Hi", feature="help") for at in range(3)]

    found = find_breaks(prompt_of(row) for row in rows)

    (only,) = found.breaks
    assert only.group == ("feature", "help", "gpt-5", "chat gpt-5")
    assert (only.difference.place, only.times, only.uncached_tokens) == (
        "Message 1, system", 2, 4_000,
    )  # fmt: skip
    assert only.difference.lead.endswith("Now: 12:0")
    assert (only.difference.before[0], only.difference.after[0]) == ("1", "2")
    assert (only.earlier.span_id, only.later.span_id) == (f"{1:016x}", f"{2:016x}")
    assert found.compared == 2


def test_a_conversation_that_goes_on_does_not_break() -> None:
    talk = ["Be kind.", "Hi", "Hello", "Bye"]

    assert breaks(chat(0, *talk[:2], session_id="s"), chat(1, *talk, session_id="s")) == []


def test_a_history_that_is_cut_breaks_in_a_session_but_not_between_conversations() -> None:
    pair = (["Be kind.", "Hi", "Hello", "Bye"], ["Be kind.", "Bye", "See you", "Ciao"])

    assert breaks(*(chat(at, *talk, session_id="s") for at, talk in enumerate(pair))) == [
        ("Message 2, user", 1)
    ]
    assert breaks(*(chat(at, *talk) for at, talk in enumerate(pair))) == []


def test_other_sessions_models_and_hours_are_not_compared() -> None:
    first = chat(0, "One", "Hi", session_id="s")

    for other in ({"session_id": "t"}, {"session_id": "s", "model": "gpt-6"},
                  {"session_id": "s", "start_time": NOON + timedelta(minutes=61)}):  # fmt: skip
        assert find_breaks([prompt_of(first), prompt_of({**chat(1, "Two", "Hi"), **other})]) == (
            find_breaks([prompt_of(first)])
        )


def test_calls_without_a_whole_body_are_counted_and_not_compared_across() -> None:
    rows = [
        chat(0, "One", "Hi"),
        chat(1, "One", "Hi", truncated="request_body"),
        chat(2, "Two", "Hi"),
        stored(start_time=NOON + minutes(3)),
    ]

    found = find_breaks(prompt_of(row) for row in rows)

    assert (found.breaks, found.compared, found.without_text) == ((), 0, 2)


def test_tools_come_before_the_messages() -> None:
    def with_tools(at: int, *names: str) -> dict[str, Any]:
        tools = [{"type": "function", "function": {"name": name}} for name in names]
        body = {"messages": [{"role": "user", "content": "Hi"}], "tools": tools}
        return stored(start_time=NOON + minutes(at), request_body=json.dumps(body))

    assert breaks(with_tools(0, "a", "b"), with_tools(1, "b", "a")) == [("Tool 1", 1)]


def test_prompts_are_read_from_the_store_newest_first_and_long_ones_have_no_text(
    tmp_path: Path,
) -> None:
    def sent(at: int, text: str, **columns: Any) -> SpanRow:
        body = json.dumps({"messages": [{"role": "user", "content": text}]})
        return call(NOON + minutes(at), api="openai.chat", request_body=body, **columns)

    query = MetricQuery(
        measures=("requests",), start=NOON, end=NOON + minutes(9), filters={"tag.team": ["core"]}
    )
    about: dict[str, Any] = {"tags": {"team": "core"}}
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert(
            [
                sent(0, "first", **about),
                sent(1, "x" * LONGEST_BODY, **about),
                sent(2, "other"),
                sent(3, "embedded", operation="embeddings", **about),
                call(NOON + minutes(4), **about),
            ]
        )

        rows = prompts_behind(writer, query).to_pylist()

    assert [row["start_time"].minute for row in rows] == [4, 1, 0]
    assert [len(prompt_of(row).segments) for row in rows] == [0, 0, 1]
