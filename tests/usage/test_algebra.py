"""Parts out of their wholes, held against the total."""

from __future__ import annotations

import pytest

from llmtrace.records import TokenUsage
from llmtrace.usage.algebra import Amounts, ends_of, normalize
from llmtrace.usage.counts import Counts


def _normal(amounts: Amounts) -> TokenUsage:
    return normalize(amounts, Counts(), "provider")


def test_every_part_is_taken_out_of_its_whole_once() -> None:
    usage = _normal(
        Amounts(
            input=1000,
            output=100,
            total=1100,
            cached=500,
            cached_audio=250,
            cached_image=50,
            cache_write_5m=20,
            cache_write_1h=10,
            cache_write=5,
            input_audio=300,
            input_image=60,
            input_video=40,
            reasoning=30,
            output_audio=20,
            output_image=10,
            output_video=5,
        )
    )

    assert usage == TokenUsage(
        input_uncached=365,
        cache_read=200,
        cache_read_audio=250,
        cache_read_image=50,
        cache_write_5m=20,
        cache_write_1h=10,
        cache_write_other=5,
        input_audio=50,
        input_image=10,
        input_video=40,
        output_text=35,
        output_reasoning=30,
        output_audio=20,
        output_image=10,
        output_video=5,
    )
    assert (usage.input_tokens, usage.output_tokens) == (1000, 100)


def test_cached_video_is_no_video_to_pay_for() -> None:
    usage = _normal(
        Amounts(input=100, output=0, total=None, cached=60, cached_video=50, input_video=80)
    )

    assert (usage.cache_read, usage.input_video, usage.input_uncached) == (60, 30, 10)


def test_audio_that_must_be_cached_but_is_not_said_to_be_counts_as_cached() -> None:
    usage = _normal(Amounts(input=100, output=0, total=100, cached=80, input_audio=90))

    assert (usage.cache_read, usage.input_audio, usage.input_uncached) == (80, 20, 0)
    assert usage.anomaly is None


@pytest.mark.parametrize(
    ("amounts", "note"),
    [
        (Amounts(input=10, output=5, total=15, input_audio=11), "input audio tokens (11)"),
        (Amounts(input=10, output=5, total=15, reasoning=6), "reasoning tokens (6)"),
        (Amounts(input=10, output=5, total=15, output_audio=6), "output audio tokens (6)"),
        (Amounts(input=10, output=5, total=15, cache_write=11), "cache-write tokens (11)"),
        (
            Amounts(input=10, output=5, total=15, cached=5, cached_audio=6),
            "cached audio tokens (6)",
        ),
        (Amounts(input=10, output=5, total=99), "total tokens are 99, input and output are 15"),
    ],
)
def test_what_does_not_add_up_is_noted_and_never_negative(amounts: Amounts, note: str) -> None:
    usage = _normal(amounts)

    assert note in (usage.anomaly or "")
    assert (usage.input_tokens, usage.output_tokens) == (10, 5)


def test_reasoning_that_the_total_shows_to_be_outside_is_added() -> None:
    usage = _normal(Amounts(input=12, output=1, total=303, reasoning=290))

    assert (usage.output_text, usage.output_reasoning) == (1, 290)
    assert usage.anomaly == "reasoning tokens are not in the output but in the total: added"


@pytest.mark.parametrize(
    ("given", "made", "total", "ends", "is_incomplete"),
    [
        (3, 4, None, (3, 4), False),
        (3, None, 10, (3, 7), False),
        (None, 4, 10, (6, 4), False),
        (3, None, 3, (3, 0), False),
        (None, None, 10, (10, 0), True),
        (3, None, None, (3, 0), True),
        (3, None, 2, (3, 0), True),
    ],
)
def test_a_missing_end_is_what_the_total_leaves(
    given: int | None,
    made: int | None,
    total: int | None,
    ends: tuple[int, int],
    *,
    is_incomplete: bool,
) -> None:
    counts = Counts()

    assert ends_of(given, made, total, counts) == ends
    assert counts.is_incomplete is is_incomplete
