"""Cohere: what is billed is what counts."""

from __future__ import annotations

from decimal import Decimal

from llmtrace.records import TokenUsage
from llmtrace.usage import cohere


def test_what_is_billed_counts_and_not_what_the_model_read_or_had_cached() -> None:
    usage = cohere.read_chat(
        {
            "billed_units": {"input_tokens": 41.0, "output_tokens": 28.0},
            "tokens": {"input_tokens": 1442, "output_tokens": 29},
            "cached_tokens": 1040,
        }
    )

    assert usage == TokenUsage(input_uncached=41, output_text=28)


def test_the_first_version_has_it_in_meta() -> None:
    raw = {"meta": {"billed_units": {"input_tokens": 5, "output_tokens": 3}}}

    assert cohere.read_chat(raw) == TokenUsage(input_uncached=5, output_text=3)


def test_without_billed_units_what_the_model_read_counts() -> None:
    usage = cohere.read_chat({"tokens": {"input_tokens": 9, "output_tokens": 2}})

    assert usage == TokenUsage(input_uncached=9, output_text=2)


def test_images_are_counted_by_their_tokens_or_else_by_their_number() -> None:
    by_tokens = cohere.read_embed({"billed_units": {"image_tokens": 900, "images": 1}})
    by_number = cohere.read_embed({"billed_units": {"images": 1}})

    assert by_tokens == TokenUsage(input_image=900)
    assert by_number == TokenUsage(units={"images": Decimal(1)})


def test_a_rerank_is_billed_by_searches_or_elsewhere_by_tokens() -> None:
    assert cohere.read_rerank({"billed_units": {"search_units": 2}}) == TokenUsage(
        units={"search_units": Decimal(2)}
    )
    assert cohere.read_rerank({"total_tokens": 43}) == TokenUsage(input_uncached=43)


def test_a_parsed_document_is_billed_by_its_pages() -> None:
    assert cohere.read_parse({"meta": {"billed_units": {"pages": 4}}}) == TokenUsage(
        units={"pages": Decimal(4)}
    )
