"""Records of JSON files: every shape is read, damage costs what is damaged, memory is bounded."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.otlp.imports.json_values import JsonValues

if TYPE_CHECKING:
    from llmtrace.otlp.imports.located import Located

RECORDS = [{"n": 1, "text": "a}]{[\n"}, {"n": 2, "inner": {"data": [{"n": 9}]}}, {"n": 3}]


def read(text: str | bytes, **limits: int) -> list[Located]:
    return list(JsonValues(io.BytesIO(text.encode() if isinstance(text, str) else text), **limits))


def numbers(found: list[Located]) -> list[Any]:
    return [each.value["n"] if each.problem is None else each.problem for each in found]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, RECORDS)),
        "\n\n".join(map(json.dumps, RECORDS)) + "\n",
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        "[\n" + ",\n".join(json.dumps(r, indent=2) for r in RECORDS) + ",\n]\n",
        "[" + "\n,".join(map(json.dumps, RECORDS)) + "]",
        json.dumps({"object": "page", "data": RECORDS, "has_more": False}),
        json.dumps({"runs": RECORDS, "cursors": {"next": None}}, indent=1),
        "\n".join(json.dumps({"data": [r], "meta": {"a": [1]}}) for r in RECORDS),
        " ".join(map(json.dumps, RECORDS)),
    ],
    ids=[
        "lines",
        "lines with gaps",
        "array on one line",
        "array",
        "array with a comma too many",
        "array with commas first",
        "page",
        "runs",
        "a page a line",
        "one after the other",
    ],
)
def test_every_shape_gives_the_same_records(text: str) -> None:
    assert [each.value for each in read(text)] == RECORDS


def test_records_larger_than_a_piece_of_the_file_are_read_whole() -> None:
    long = [{"n": n, "text": "x" * 700_000} for n in range(3)]

    found = read("\n".join(map(json.dumps, long)))

    assert numbers(found) == [0, 1, 2]


def test_lines_are_counted_also_within_records() -> None:
    found = read('{"n":1}\n\n{"n":\n2}\n{"n":3}\n')

    assert [each.line for each in found] == [1, 3, 5]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ('{"n": 0, oops}', "not JSON"),
        ('{"n": 0, "text": "cut', "not JSON"),
        ('{"n": 0, "more": {', "not JSON"),
        ("<html>", "not a JSON object"),
        ('"text"', "not a JSON object"),
        ('{"n": ' + "9" * 5000 + "}", "not JSON that can be read"),
        ('{"n": ' + "[" * 50_000 + "}", "not JSON that can be read"),
        ('{"n": 0, "text": "\ufffd"}', "not UTF-8"),
    ],
)
def test_what_is_damaged_costs_one_line(bad: str, problem: str) -> None:
    raw = bad.encode().replace("\ufffd".encode(), b"\xff")

    found = read(b'{"n":1}\n' + raw + b'\n{"n":2}\n')

    assert numbers(found) == [1, problem, 2]
    assert found[1].line == 2


def test_after_damage_in_an_array_the_next_record_that_begins_a_line_is_read() -> None:
    text = json.dumps(RECORDS, indent=2).replace('"n": 2,', '"n" 2,')

    assert numbers(read(text)) == [1, "not JSON", 3]


def test_damage_in_an_array_on_one_line_ends_the_file_and_says_so() -> None:
    (first, bad) = read('[{"n":1},{"n" 2},{"n":3}]')

    assert first.value == {"n": 1}
    assert "nothing after it could be read" in (bad.detail or "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"n":1}\n{"n":2', [1, "truncated: the file ends within a record"]),
        ('[{"n":1},\n {"n":2, "a": "b', [1, "truncated: the file ends within a record"]),
        ('[{"n":1},\n {"n":2}', [1, 2, "truncated: the file ends within its array"]),
        ('{"data":[{"n":1}', [1, "truncated: the file ends within its array"]),
    ],
)
def test_a_file_that_ends_early_gives_what_is_whole(text: str, expected: list[object]) -> None:
    assert numbers(read(text)) == expected


def test_a_record_over_the_limit_is_refused_and_the_next_is_read() -> None:
    long = '{"text": "' + "x" * 3_000_000 + '"}'

    found = read('{"n":1}\n' + long + '\n{"n":2}\n', max_characters=1_000_000)

    assert numbers(found) == [1, "longer than 1,000,000 characters", 2]


class Endless(io.RawIOBase):
    """A line without an end, of which so much is asked."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.left = size

    def read(self, size: int = -1) -> bytes:
        given = min(size, self.left)
        self.left -= given
        return b"x" * given


def test_a_line_without_an_end_takes_no_memory_but_a_piece() -> None:
    values = JsonValues(Endless(50_000_000), max_characters=1_000_000)  # pyright: ignore[reportArgumentType]  # it reads

    (only,) = list(values)

    assert only.problem == "not a JSON object"
    assert len(values._text) < 1_000_000


def test_nothing_gives_nothing() -> None:
    assert read("") == read("\n \n") == read("[]") == read('{"data": []}') == []
