"""Two answers side by side."""

from __future__ import annotations

import pytest

from llmtrace.replay.compare import Side, answer_text, compare


def _compare(old: str | None, new: str | None):  # noqa: ANN202  # a comparison
    return compare(Side(text=old), Side(text=new))


def test_equal_answers_are_the_same() -> None:
    found = _compare("It is 42.\n", "It is 42.")

    assert (found.is_same, found.similarity_ratio, found.diff) == (True, 1.0, ())


def test_different_answers_have_a_ratio_and_a_diff() -> None:
    found = _compare("a\nb\nc\nd", "a\nb\nx\nd")

    assert not found.is_same
    assert found.similarity_ratio == pytest.approx(6 / 7)
    assert found.diff == (
        "--- stored",
        "+++ replayed",
        "@@ -1,4 +1,4 @@",
        " a",
        " b",
        "-c",
        "+x",
        " d",
    )


def test_a_paragraph_on_one_line_is_compared_piece_by_piece() -> None:
    words = [f"word{n}" for n in range(60)]
    changed = [*words[:50], "other", *words[51:]]

    found = _compare(" ".join(words), " ".join(changed))

    removed = [line for line in found.diff if line.startswith("-word")]
    assert removed == ["-" + " ".join(words[48:60])]


def test_an_answer_that_is_unknown_is_not_the_same() -> None:
    found = _compare(None, "x")

    assert (found.is_same, found.similarity_ratio, found.diff) == (False, None, ())


def test_very_long_answers_are_compared_in_bounded_time() -> None:
    old = "\n".join(f"line {n} of many" for n in range(20_000))

    found = _compare(old, old.replace("line 7 ", "line seven "))

    assert found.similarity_ratio is not None
    assert found.similarity_ratio > 0.99


def test_tool_calls_are_part_of_the_answer() -> None:
    call = {"id": "c", "function": {"name": "look", "arguments": '{"b": 1, "a": 2}'}}
    body = {"choices": [{"message": {"role": "assistant", "content": "So:", "tool_calls": [call]}}]}

    assert answer_text("openai.chat", body) == 'So:\nlook({"a": 2, "b": 1})'


def test_reasoning_is_no_part_of_the_answer() -> None:
    message = {"role": "assistant", "content": "42", "reasoning_content": "Hm"}

    assert answer_text("openai.chat", {"choices": [{"message": message}]}) == "42"


def test_several_choices_are_told_apart() -> None:
    choices = [{"message": {"role": "assistant", "content": text}} for text in "ab"]

    assert answer_text("openai.chat", {"choices": choices}) == "[choice 0]\na\n[choice 1]\nb"


def test_embeddings_answer_with_their_dimensions() -> None:
    body = {"data": [{"index": 0, "embedding": [0.1, 0.2]}]}

    assert answer_text("openai.embeddings", body) == (
        '[{"embedding": {"dimensions": 2, "encoding": "float"}, "index": 0}]'
    )


def test_without_a_body_there_is_no_text() -> None:
    assert answer_text("openai.chat", None) is None
