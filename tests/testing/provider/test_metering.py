"""Token counts, caches and headroom follow the rules that the module states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from llmtrace.clock import FixedClock
from llmtrace.testing.provider.metering import PromptCache, RateLimit, count_tokens
from llmtrace.testing.provider.records import Counts, Segment

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2)])
def test_a_token_is_four_characters_rounded_up(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


@pytest.mark.parametrize(("tokens", "cached"), [(1023, 0), (1024, 1024), (1151, 1024)])
def test_openai_reads_whole_blocks_from_1024_tokens_on(
    clock: FixedClock, tokens: int, cached: int
) -> None:
    cache = PromptCache(clock)
    prompt = (Segment(text="x" * tokens * 4),)
    cache.meter_openai("m", prompt)

    counts = cache.meter_openai("m", prompt)

    assert counts == Counts(input_uncached=tokens - cached, cache_read=cached)


def test_openai_forgets_after_ten_minutes_and_keeps_models_apart(clock: FixedClock) -> None:
    cache = PromptCache(clock)
    prompt = (Segment(text="x" * 8192),)
    cache.meter_openai("m", prompt)

    assert cache.meter_openai("other", prompt).cache_read == 0
    clock.set(START + timedelta(minutes=10))
    assert cache.meter_openai("m", prompt).cache_read == 0


def test_anthropic_writes_each_part_for_its_own_time_and_adds_up(clock: FixedClock) -> None:
    prompt = (
        Segment(text="a" * 8000, cache_ttl_s=3600),
        Segment(text="b" * 4001, cache_ttl_s=300),
        Segment(text="c" * 10),
    )
    cache = PromptCache(clock)

    first = cache.meter_anthropic("m", prompt)
    clock.set(START + timedelta(minutes=6))
    second = cache.meter_anthropic("m", prompt)

    assert first == Counts(input_uncached=2, cache_write_1h=2000, cache_write_5m=1001)
    assert second == Counts(input_uncached=2, cache_read=2000, cache_write_5m=1001)
    assert first.input_all == second.input_all == count_tokens("x" * 12011)


def test_anthropic_extends_a_prefix_that_ended_at_an_earlier_block(clock: FixedClock) -> None:
    cache = PromptCache(clock)
    start = Segment(text="a" * 8000, cache_ttl_s=300)
    cache.meter_anthropic("m", (start,))

    counts = cache.meter_anthropic(
        "m", (Segment(text="a" * 8000), Segment(text="b" * 400, cache_ttl_s=300))
    )

    assert counts == Counts(input_uncached=0, cache_read=2000, cache_write_5m=100)


def test_anthropic_does_not_cache_less_than_1024_tokens(clock: FixedClock) -> None:
    prompt = (Segment(text="a" * 4092, cache_ttl_s=300),)

    assert PromptCache(clock).meter_anthropic("m", prompt) == Counts(input_uncached=1023)


def test_headroom_shrinks_by_use_and_grows_by_time(clock: FixedClock) -> None:
    limit = RateLimit(60, 6000, clock)

    used = limit.take(600)
    clock.set(START + timedelta(seconds=3))
    later = limit.take(0)

    assert (used.remaining_requests, used.remaining_tokens) == (59, 5400)
    assert (used.reset_requests_s, used.reset_tokens_s) == pytest.approx((1, 6))
    assert (later.remaining_requests, later.remaining_tokens) == (59, 5700)
