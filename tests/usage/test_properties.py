"""What holds for any ``usage`` object, however wrong: never raises, never negative, adds up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from llmtrace import semconv
from llmtrace.records import TokenUsage
from llmtrace.usage import (
    _READERS,
    anthropic_messages,
    bedrock,
    cohere,
    gemini,
    mistral,
    ollama,
    openai_chat,
    openai_responses,
    read_reported_cost,
    read_service_tier,
    read_usage,
    xai,
)
from llmtrace.usage.counts import MAX_TOKENS
from llmtrace.usage.estimate import estimate_usage

if TYPE_CHECKING:
    from llmtrace.usage.shape import Shape


def _places(shape: Shape) -> set[str]:
    """Return every place that a shape names."""
    found: set[str] = set()
    for item in fields(shape):
        value = getattr(shape, item.name)
        lists = value.values() if isinstance(value, Mapping) else [value]
        for names in lists:
            for name in names:
                found.update(name if isinstance(name, tuple) else [name])
    return found


_APIS = st.sampled_from([*_READERS, "someone.else"])
_NAMES = st.sampled_from(
    sorted(
        {
            step
            for shape in (
                openai_responses.SHAPE,
                openai_chat.SHAPE,
                anthropic_messages.SHAPE,
                gemini.GENERATE,
                gemini.INTERACTIONS,
                gemini.PREDICT,
                bedrock.CONVERSE,
                cohere.CHAT,
                cohere.EMBED,
                mistral.CONVERSATION,
                mistral.OCR,
                ollama.GENERATE,
                xai.SHAPE,
            )
            for place in _places(shape)
            for step in place.split(".")
        }
        | {
            *("cache_write_tokens_details", "ttl_30m_tokens", "ttl_12h_tokens"),
            *("iterations", "type", "cost", "total_cost", "cost_in_usd_ticks", "is_byok"),
            *("output", "action", "usage", "service_tier", "speed", "modality", "ttl"),
            *(
                "tokenCount",
                "tokens",
                "inputTokens",
                "meta",
                bedrock.METRICS_KEY,
                "inputTokenCount",
            ),
            *("x-amzn-bedrock-output-token-count", "server_side_tools_used", "search_context_size"),
            *("candidates", "groundingMetadata", "webSearchQueries", "model", "usageMetadata"),
            *("fallback_credit", "status", "seconds", "characters", "images", "duration"),
        }
    )
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-10, 100_000)
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            *("12", "-3", "compaction", "web_search_call", "fast", "9" * 30, "1e400", "NaN"),
            *("AUDIO", "5m", "low", "gemini-2.5-pro", "SERVER_SIDE_TOOL_WEB_SEARCH", "0.5"),
        ]
    )
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=8),
    max_leaves=25,
)
_COUNTS = [
    item.name
    for item in fields(TokenUsage)
    if item.name not in {"requests", "units", "source", "anomaly"}
]
_count = st.integers(0, 1_000_000)


@given(_APIS, _JSON, _JSON)
def test_any_garbage_gives_buckets_that_are_not_negative(
    api: str, raw: object, response: object
) -> None:
    usage = read_usage(api, raw, response=response)

    if usage is not None:
        buckets = [getattr(usage, name) for name in _COUNTS] + list(usage.requests.values())
        assert all(type(count) is int and 0 <= count <= 10 * MAX_TOKENS for count in buckets)
        assert all(
            type(number) is Decimal and 0 < number <= MAX_TOKENS for number in usage.units.values()
        )
        assert usage.source in {"provider", "partial"}
        assert usage.input_tokens >= usage.cached_tokens + usage.cache_write


@given(_JSON)
def test_any_garbage_gives_no_negative_cost_and_no_odd_tier(raw: object) -> None:
    cost, tier = read_reported_cost(raw), read_service_tier(raw)

    assert cost is None or 0 <= cost <= 100_000
    assert tier is None or 0 < len(tier) <= 40


@given(st.text(max_size=200), st.text(max_size=200), st.none() | st.text(max_size=10))
def test_any_text_can_be_estimated(given_text: str, made_text: str, model: str | None) -> None:
    usage = estimate_usage(given_text, made_text, model=model)

    assert usage.source == "estimated"
    assert (usage.input_tokens == 0) == (given_text == "")
    assert (usage.output_tokens == 0) == (made_text == "")


@given(prompt=_count, completion=_count, data=st.data())
def test_openai_buckets_are_disjoint_and_sum_to_the_providers_totals(
    prompt: int, completion: int, data: st.DataObject
) -> None:
    cached = data.draw(st.integers(0, prompt))
    written = data.draw(st.integers(0, prompt - cached))
    audio = data.draw(st.integers(0, prompt - cached - written))
    reasoning = data.draw(st.integers(0, completion))

    usage = read_usage(
        semconv.API_OPENAI_CHAT,
        {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {
                "cached_tokens": cached,
                "cache_write_tokens": written,
                "audio_tokens": audio,
            },
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        },
    )

    assert usage == TokenUsage(
        input_uncached=prompt - cached - written - audio,
        cache_read=cached,
        cache_write_other=written,
        input_audio=audio,
        output_text=completion - reasoning,
        output_reasoning=reasoning,
    )
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (prompt, completion)


@given(plain=_count, read=_count, short=_count, long=_count, made=_count)
def test_anthropic_input_is_the_sum_of_its_parts(
    plain: int, read: int, short: int, long: int, made: int
) -> None:
    usage = read_usage(
        semconv.API_ANTHROPIC_MESSAGES,
        {
            "input_tokens": plain,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": short + long,
            "cache_creation": {
                "ephemeral_5m_input_tokens": short,
                "ephemeral_1h_input_tokens": long,
            },
            "output_tokens": made,
        },
    )

    assert usage is not None
    assert usage.anomaly is None
    assert usage.input_tokens == plain + read + short + long
    assert (usage.cache_write_5m, usage.cache_write_1h) == (short, long)


@given(prompt=_count, split=st.integers(0, 1_000_000), completion=_count)
def test_how_the_input_splits_into_cached_and_not_never_changes_its_count(
    prompt: int, split: int, completion: int
) -> None:
    cached = min(split, prompt)

    usage = read_usage(
        semconv.API_OPENAI_RESPONSES,
        {
            "input_tokens": prompt,
            "output_tokens": completion,
            "input_tokens_details": {"cached_tokens": cached},
        },
    )

    assert usage is not None
    assert usage.input_tokens == prompt
    assert usage.input_uncached + usage.cache_read == prompt
