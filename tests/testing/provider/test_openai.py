"""Embeddings, model list and errors, as the real openai SDK sees them."""

from __future__ import annotations

from typing import Any

import openai
import pytest

TEXTS = ["refund for my order", "refund my order please", "the moon is far away"]


def test_base64_and_float_embeddings_are_the_same_numbers(openai_client: Any) -> None:
    by_default = openai_client.embeddings.create(model="text-embedding-3-small", input=TEXTS)
    as_floats = openai_client.embeddings.create(
        model="text-embedding-3-small", input=TEXTS, encoding_format="float"
    )

    assert len(by_default.data) == len(TEXTS)
    for one, other in zip(by_default.data, as_floats.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)


def test_texts_with_common_words_are_closer(openai_client: Any) -> None:
    data = openai_client.embeddings.create(
        model="text-embedding-3-large", input=TEXTS, dimensions=256
    ).data

    def similarity(one: int, other: int) -> float:
        pairs = zip(data[one].embedding, data[other].embedding, strict=True)
        return sum(a * b for a, b in pairs)

    assert len(data[0].embedding) == 256
    assert similarity(0, 1) > 0.5 > similarity(0, 2)


def test_embedding_usage_counts_tokens_given_as_numbers(openai_client: Any) -> None:
    response = openai_client.embeddings.create(
        model="text-embedding-3-small", input=[[1, 2, 3], [4, 5]]
    )

    assert response.usage.prompt_tokens == response.usage.total_tokens == 5


def test_too_many_dimensions_are_refused(openai_client: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="dimensions"):
        openai_client.embeddings.create(model="m", input="x", dimensions=10**9)


def test_the_model_list_has_openais_shape(openai_client: Any) -> None:
    assert "gpt-4o-mini" in [model.id for model in openai_client.models.list()]


def test_an_unknown_model_is_not_found_with_openais_body(openai_client: Any) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        openai_client.embeddings.create(model="nonexistent", input="x")

    assert caught.value.code == "model_not_found"
    assert caught.value.type == "invalid_request_error"


def test_a_key_that_says_it_is_invalid_is_refused_and_never_recorded(
    openai_client: Any,
) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        openai_client.with_options(api_key="sk-invalid-123").models.list()

    assert caught.value.code == "invalid_api_key"
    assert "sk-invalid" not in str(caught.value)
