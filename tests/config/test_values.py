"""What a setting's text means, and what is said of a text that means nothing."""

from __future__ import annotations

import pytest

from llmtrace.config import values


def test_hosts_are_compared_in_lower_case() -> None:
    assert values.hosts("LocalHost:8000=vllm, llm.example=openai") == {
        "localhost:8000": "vllm",
        "llm.example": "openai",
    }


@pytest.mark.parametrize("text", ["vllm", "", "localhost:8000=", "localhost:8000=,a=b"])
def test_a_host_without_a_provider_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="host=provider"):
        values.hosts(text)


def test_a_secret_made_of_a_secret_is_that_secret() -> None:
    secret = values.Secret(values.Secret("s3cret"))

    assert secret.reveal() == "s3cret"
    assert "s3cret" not in f"{secret!r}{secret}{secret:>20}"
