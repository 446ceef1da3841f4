"""Beginnings that no cache gave: bounds that hold whatever the tokenizer, and exact money."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.pricing import UnitPrices
from llmtrace.store import Writer
from llmtrace.store.behind import prompts_behind
from llmtrace.store.metrics import MetricQuery
from llmtrace.store.prompt_prefix import Prompt, Segment
from llmtrace.store.savings.minimums import Minimum
from llmtrace.store.savings.prefixes import (
    FRAMING,
    Prefixes,
    Sent,
    find_prefixes,
    readers_of,
    saving_of,
    sent_of,
    token_bounds,
)
from tests.store.calls import NOON, call, minutes

if TYPE_CHECKING:
    from pathlib import Path


MTOK = 1_000_000
PRICES = UnitPrices(input=Decimal(3), cache_read=Decimal("0.3"), cache_write_5m=Decimal("3.75"))
QUERY = MetricQuery(measures=("requests",), start=NOON - minutes(600), end=NOON + minutes(600))
LONG = "You are the shop's assistant. " * 400


def minimum(*, tokens: int = 1_024, step: int = 1, is_marked: bool = True) -> Minimum:
    return Minimum(provider="anthropic", models=("*",), tokens=tokens, step=step, kept_s=300,
                   is_marked=is_marked, source="https://example.com (2026-11-21)")  # fmt: skip


def sent(
    at: float = 0, *, tokens: int | None = 2_000, cached: int = 0, written: int = 0,
    pieces: tuple[Segment, ...] = (), prices: UnitPrices | None = PRICES,
) -> Sent:  # fmt: skip
    start = NOON + minutes(at)
    prompt = Prompt(group=(), start_time=start, trace_id="0" * 32, span_id=f"{int(at * 60):016x}",
                    input_tokens=tokens, cached_tokens=cached, segments=pieces,
                    stable=0)  # fmt: skip
    return Sent(prompt=prompt, end_time=start + timedelta(seconds=1), provider="anthropic",
                model="claude", feature="support", setting="", written_tokens=written,
                prices=prices, is_whole=True)  # fmt: skip


def text(*parts: str) -> tuple[Segment, ...]:
    return tuple(Segment(place=f"Message {place}", text=part) for place, part in enumerate(parts))


@settings(max_examples=60, deadline=None)
@given(
    shared=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=3),
    tails=st.lists(st.lists(st.binary(max_size=40), max_size=3), min_size=1, max_size=4),
    draw=st.randoms(use_true_random=False),
)
def test_the_true_length_is_within_the_bounds_whatever_the_tokenizer(
    shared: list[bytes], tails: list[list[bytes]], draw: Any
) -> None:
    # A token is a byte at least; a message has up to FRAMING more, the answer's beginning too.
    def counted(piece: bytes) -> int:
        return draw.randint(0, len(piece)) + draw.randint(0, FRAMING)

    true = sum(counted(piece) for piece in shared) + draw.randint(0, 500)  # tools, rendered
    prompts = [
        sent(
            tokens=true + sum(counted(piece) for piece in tail) + draw.randint(0, FRAMING),
            pieces=text(*(piece.decode("latin-1") for piece in [*shared, *tail])),
        )
        for tail in tails
    ]

    bounds = token_bounds(prompts, len(shared))

    assert bounds is not None
    assert bounds[0] <= true <= bounds[1]


def test_what_is_behind_a_picture_or_a_redaction_bounds_nothing_from_below() -> None:
    picture = Segment(place="Message 1", text="{}", is_text=False)

    assert token_bounds([sent(pieces=(*text("a"), picture))], 1) == (0, 2_000)
    assert token_bounds([sent(pieces=text("a", "[REDACTED:email]"))], 1) == (0, 2_000)
    assert token_bounds([sent(tokens=None)], 0) is None


def test_readers_came_after_the_writer_was_answered_and_while_it_was_kept() -> None:
    prompts = [sent(each) for each in (0, 0.01, 1, 5.5, 10.6, 11)]

    # The first writes, the second came too early; five minutes since the last use end it.
    assert readers_of(prompts, minutes(5)) == [False, False, True, True, False, True]


@settings(max_examples=60, deadline=None)
@given(
    calls=st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30), st.booleans(), st.integers(1, 9)),
        min_size=1, max_size=5),
    low=st.integers(0, 40), more=st.integers(0, 30), least=st.integers(1, 40),
)  # fmt: skip
def test_the_bounds_are_the_least_and_the_most_over_all_lengths(
    calls: list[tuple[int, int, bool, int]], low: int, more: int, least: int
) -> None:
    prices = [
        UnitPrices(input=Decimal(p), cache_read=Decimal(p) / 10, cache_write_5m=Decimal(p) * 2)
        for *_, p in calls
    ]
    prompts = [sent(cached=cached, written=written, prices=each)
               for (cached, written, *_), each in zip(calls, prices, strict=True)]  # fmt: skip
    reads = [is_read for _, _, is_read, _ in calls]

    found = saving_of(prompts, reads, (low, low + more), minimum(tokens=least))

    def saved(length: int) -> Decimal:
        if length < least:
            return Decimal(0)
        total = Decimal(0)
        for (cached, written, is_read, price), _ in zip(calls, prices, strict=True):
            count = max(length - cached - (0 if is_read else written), 0)
            total += Decimal(price) * count * (Decimal("0.9") if is_read else -1)
        return total / MTOK

    everything = [saved(length) for length in range(low, low + more + 1)]
    if low + more < least:
        assert (found.lower_usd, found.upper_usd) == (0, 0)
        return
    assert found.lower_usd == min(everything)
    long_enough = [saved(length) for length in range(max(low, least), low + more + 1)]
    assert found.upper_usd == max(long_enough)


def test_where_the_provider_decides_what_it_serves_nothing_is_promised() -> None:
    prompts = [sent(0), sent(1)]

    found = saving_of(prompts, [False, True], (1_500, 1_600), minimum(is_marked=False))

    # One reader saves 2.70 a million, the writer pays 0.75 more.
    assert (found.lower_usd, found.upper_usd) == (0, Decimal("1.95") * 1_600 / MTOK)


@pytest.mark.parametrize(
    "prices", [None, UnitPrices(input=Decimal(1)), UnitPrices(cache_read=Decimal(1))]
)
def test_without_a_price_nothing_is_said(prices: UnitPrices | None) -> None:
    prompts = [sent(prices=prices), sent(1, prices=prices)]

    found = saving_of(prompts, [False, True], (1_500, 1_600), minimum())

    assert found.is_unknown
    assert found.unsaid is not None


def body(instructions: str, *talk: str, **more: object) -> str:
    messages = [{"role": "user", "content": each} for each in talk]
    return json.dumps({"system": instructions, "messages": messages, **more})


def ask(at: float, instructions: str, *talk: str, **columns: object) -> dict[str, Any]:
    """Return a row of ``prompts_behind``."""
    start = NOON + minutes(at)
    return {
        "start_time": start, "end_time": start + timedelta(seconds=1), "trace_id": "0" * 32,
        "span_id": f"{int(at * 60):016x}", "name": "chat", "provider": "anthropic",
        "model": "claude-sonnet-4-5", "session_id": None, "feature": "support",
        "api": "anthropic.messages", "input_tokens": 3_000, "cache_read_tokens": None,
        "cache_write_tokens": None, "service_tier": None, "truncated": None, "redacted": None,
        "request_body": body(instructions, *talk), "input_messages": None,
        "system_instructions": None, "tool_definitions": None, **columns,
    }  # fmt: skip


def look(*rows: dict[str, Any]) -> Prefixes:
    return find_prefixes(
        (sent_of(row, lambda _: PRICES) for row in rows),
        lambda _, model: None if model == "new" else minimum(),
    )


def test_the_store_gives_what_is_looked_at(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "provider": "anthropic", "request_model": "claude-sonnet-4-5", "feature": "support",
        "api": "anthropic.messages", "input_tokens": 3_000, "cache_write_tokens": 7,
        "redacted": "custom=1",
    }  # fmt: skip
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert([call(**columns, request_body=body(LONG, "Hi"))])
        (row,) = prompts_behind(writer, QUERY).to_pylist()

    found = sent_of(row, lambda told: PRICES if told["service_tier"] is None else None)

    assert (found.provider, found.model, found.feature) == (
        "anthropic", "claude-sonnet-4-5", "support",
    )  # fmt: skip
    assert (found.written_tokens, found.is_whole, found.prices) == (7, False, PRICES)
    assert found.end_time - found.prompt.start_time == timedelta(seconds=1)
    assert [piece.text for piece in found.prompt.segments] == [LONG, "user\nHi"]


def test_instructions_that_calls_share_are_found_with_what_they_would_have_saved() -> None:
    rows = [ask(number, LONG, f"Question {number}?") for number in range(4)]

    found = look(*rows)

    (prefix,) = found.found
    # Behind it stand "user", a line break and "Question 0?", and twice the framing.
    low = 3_000 - len("user\nQuestion 0?") - 2 * FRAMING
    assert prefix.tokens == (low, 3_000)
    assert (prefix.calls, prefix.readers, prefix.features) == (4, 3, ("support",))
    each = 3 * Decimal("2.7") - Decimal("0.75")
    assert prefix.saving.lower_usd == each * low / MTOK
    assert prefix.saving.upper_usd == each * 3_000 / MTOK
    assert prefix.begins.startswith("You are the shop's assistant.")
    assert [each.about for each in prefix.seen] == [
        *["could have read it"] * 3, "would have written it",
    ]  # fmt: skip


def test_a_call_counts_for_one_beginning_the_dearest_set() -> None:
    shared, longer = LONG, "A manual. " * 900
    rows = [ask(each, shared, f"Q{each}") for each in range(2)]
    rows += [ask(each + 0.5, shared, longer, f"And {each}", input_tokens=9_000)
             for each in range(3)]  # fmt: skip

    found = look(*rows)

    # All five share the instructions, three of them the manual too: that saves more.
    assert sum(prefix.calls for prefix in found.found) <= 5
    assert found.found[0].calls == 3
    assert found.found[0].tokens[0] > 8_900


@pytest.mark.parametrize(
    "other",
    [
        {"request_body": body(LONG, "B", tool_choice={"type": "any"})},
        {"request_body": body(LONG + "!", "B")},
        {"request_body": body(f"Mail [REDACTED:email]. {LONG}", "B")},
        {"model": "claude-haiku-4-5"},
        {"redacted": "custom=1"},
        {"truncated": "request_body"},
    ],
)
def test_what_is_not_surely_the_same_shares_nothing(other: Any) -> None:
    start = body(f"Mail [REDACTED:email]. {LONG}", "A") if "RED" in str(other) else body(LONG, "A")

    found = look(ask(0, "", request_body=start), ask(1, "", **other))

    assert not found.found
    assert found.looked_at == 2


def test_too_short_unknown_and_textless_calls_are_counted() -> None:
    rows = [
        *(ask(each, "Be kind.", f"Q{each}", input_tokens=900) for each in range(2)),
        *(ask(each, LONG, f"Q{each}", model="new") for each in range(3)),
        ask(0, "", request_body=None),
    ]

    found = look(*rows)

    assert not found.found
    assert (found.too_short, found.without_minimum, found.without_text) == (2, 3, 1)


def test_what_a_cache_gave_already_saves_nothing_more() -> None:
    rows = [ask(0, LONG, "A", cache_write_tokens=2_990),
            *(ask(each, LONG, "B" * each, cache_read_tokens=2_990) for each in (1, 2))]  # fmt: skip

    found = look(*rows)

    assert sum(prefix.saving.lower_usd for prefix in found.found) == 0
    assert sum(prefix.saving.upper_usd for prefix in found.found) <= Decimal("5.4") * 10 / MTOK
