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


def test_a_backend_has_the_name_it_is_given_or_that_of_its_host() -> None:
    text = "Jaeger=http://127.0.0.1:4318/x?a=b, https://otlp.Example/v1/traces,http://[::1]:7"

    assert values.targets(text) == {
        "jaeger": "http://127.0.0.1:4318/x?a=b",
        "otlp.example": "https://otlp.Example/v1/traces",
        "1-7": "http://[::1]:7",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:4318",
        "a=localhost",
        "../a=http://b",
        "a=http://b,a=http://c",
        "http://",
        "a=http://hunter2:x",
        "http://me:hunter2@b",
        "a=http://b:0",
        "a=http://hunter2:99999",
        "http://[hunter2",
    ],
)
def test_a_backend_that_cannot_be_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"URL|name") as refusal:
        values.targets(text)
    assert "hunter2" not in str(refusal.value)


def test_bodies_are_packed_or_not() -> None:
    assert (values.compression("GZIP"), values.compression("none")) == ("gzip", "none")


def test_claims_are_pairs_or_everybody() -> None:
    assert values.claims("groups=finance, email=ann@example.com") == (
        ("groups", "finance"),
        ("email", "ann@example.com"),
    )
    assert values.claims(" * ") == (("*", ""),)
    for wrong in ("finance", "groups=", "=finance", "*=x"):
        with pytest.raises(ValueError, match="claim=value"):
            values.claims(wrong)


def test_a_way_to_sign_in_is_known() -> None:
    assert values.sign_in_mode(" OIDC ") == "oidc"
    with pytest.raises(ValueError, match="write none, token or oidc"):
        values.sign_in_mode("password")


def test_the_address_of_the_dashboards_has_a_host_and_no_password() -> None:
    assert values.dashboard("https://llm.example.com/ops/") == "https://llm.example.com/ops"
    for wrong in ("llm.example.com", "https://", "https://ann:pw@llm.example.com", "http://x/?a=1"):
        with pytest.raises(ValueError, match="write a URL"):
            values.dashboard(wrong)
