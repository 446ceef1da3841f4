"""What the local model says depends on the prompt and on nothing else."""

from __future__ import annotations

from typing import Any

from llmtrace.testing.provider.answers import compose
from llmtrace.testing.provider.records import Answer, Prompt, Tool

TOOL: Any = Tool(name="search_docs", parameters={"properties": {"query": {"type": "string"}}})
OTHER = Tool(name="lookup_order", parameters={})


def _prompt(text: str = "Where is my refund?", **fields: object) -> Prompt:
    return Prompt(segments=(), user_text=text, **fields)  # pyright: ignore[reportArgumentType] - test


def test_a_support_question_gets_an_answer_on_its_topic() -> None:
    assert "refund" in compose(_prompt()).text


def test_another_choice_says_it_differently() -> None:
    assert compose(_prompt(), 0) == compose(_prompt(), 0) != compose(_prompt(), 1)


def test_braces_in_a_question_do_no_harm() -> None:
    assert compose(_prompt("what is {topic} {0} {")).text


def test_without_a_fitting_tool_the_first_is_called() -> None:
    calls = compose(_prompt("hello", tools=(TOOL, OTHER))).tool_calls

    assert [call.name for call in calls] == ["search_docs"]


def test_only_one_tool_is_called_if_calls_must_not_be_parallel() -> None:
    text = "search the docs and find my order"

    both = compose(_prompt(text, tools=(TOOL, OTHER))).tool_calls
    one = compose(_prompt(text, tools=(TOOL, OTHER), is_parallel=False)).tool_calls

    assert (len(both), len(one)) == (2, 1)


def test_the_text_is_cut_at_the_token_limit() -> None:
    answer = compose(_prompt(max_tokens=3))

    assert answer == Answer(text=compose(_prompt()).text[:12], is_truncated=True)
