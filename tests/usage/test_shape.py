"""Reading numbers from where a table says they stand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from llmtrace.records import TokenUsage
from llmtrace.usage.counts import Counts
from llmtrace.usage.shape import Shape, take, take_units, value_at

_SHAPE = Shape(
    input=("in",),
    output=("out",),
    total=("all",),
    cached=("cached",),
    cache_write=("written",),
    cache_write_5m=("ttl.short",),
    cache_write_1h=("ttl.long",),
    reasoning=("thought",),
    requests={"web_search": ("searches",)},
    units={"pages": ("pages",)},
)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("a", 1),
        ("b.c", 2),
        ("b.missing", None),
        ("a.below.a.number", None),
        ("kinds.AUDIO", 7),
        ("kinds.audio", 7),
        ("kinds.VIDEO", None),
        ("lifetimes.5m", 9),
        ("odd.AUDIO", None),
    ],
)
def test_a_place_is_a_path_and_a_step_into_an_array_takes_the_entry_so_labelled(
    place: str, value: object
) -> None:
    raw: dict[str, Any] = {
        "a": 1,
        "b": {"c": 2},
        "kinds": [{"modality": "TEXT"}, {"modality": "AUDIO", "tokenCount": 7}],
        "lifetimes": [{"ttl": "1h", "inputTokens": 3}, {"ttl": "5m", "inputTokens": 9}],
        "odd": [None, 3, {"modality": 4}, {"modality": "AUDIO"}],
    }

    assert value_at(raw, place) == value


def test_the_first_place_that_is_there_and_not_null_counts() -> None:
    raw = {"one": None, "two": 5, "three": 6}

    assert take(raw, ("zero", "one", "two", "three"), Counts()) == 5


def test_units_need_not_be_whole_and_are_kept_as_they_were_written() -> None:
    assert take_units({"s": 5.567499999999999}, ("s",), Counts()) == Decimal("5.567499999999999")


def test_nothing_of_what_is_named_gives_none() -> None:
    assert _SHAPE.read({"other": 3}) is None
    assert _SHAPE.read(None) is None


def test_fees_or_units_alone_are_a_usage_and_zeros_of_them_are_left_out() -> None:
    assert _SHAPE.read({"pages": 4, "searches": 0}) == TokenUsage(units={"pages": Decimal(4)})
    assert _SHAPE.read({"pages": 0}) == TokenUsage()


def test_parts_that_a_format_counts_beside_its_ends_are_added_to_them() -> None:
    shape = Shape(
        input=("in",),
        output=("out",),
        total=("all",),
        cached=("cached",),
        reasoning=("thought",),
        more_input=(("tools",), ("files",)),
        beside=frozenset({"cached", "reasoning"}),
    )

    usage = shape.read(
        {"in": 10, "cached": 100, "tools": 5, "files": 1, "out": 2, "thought": 8, "all": 126}
    )

    assert usage == TokenUsage(input_uncached=16, cache_read=100, output_text=2, output_reasoning=8)


def test_a_format_without_output_misses_none() -> None:
    assert Shape(input=("in",)).read({"in": 3}) == TokenUsage(input_uncached=3)


@pytest.mark.parametrize(
    ("ttl", "written", "buckets"),
    [
        ({"short": 10, "long": 0}, 10, (10, 0, 0)),
        ({}, 10, (0, 0, 10)),
        ({"short": 10}, 25, (25, 0, 0)),
        ({"long": 10}, 25, (0, 25, 0)),
        ({"short": 4, "long": 6}, 25, (4, 6, 15)),
    ],
)
def test_what_the_lifetimes_do_not_explain_is_of_the_one_that_is_named_or_of_none(
    ttl: dict[str, int], written: int, buckets: tuple[int, int, int]
) -> None:
    usage = _SHAPE.read({"in": 100, "out": 1, "written": written, "ttl": ttl})

    assert usage is not None
    assert (usage.cache_write_5m, usage.cache_write_1h, usage.cache_write_other) == buckets
