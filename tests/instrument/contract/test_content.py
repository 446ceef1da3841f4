"""What of a call's content leaves the process: secrets never, the rest as the mode says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import llmtrace
from llmtrace.testing.provider import Answer, Reply
from tests.instrument.recording import Recorded

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.contract.apis import Api

SECRETS = {
    "api_key": "sk-proj-aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z",
    "aws_key": "AKIAIOSFODNN7EXAMPLE",
    "github_token": "ghp_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5",
    "url_password": "postgres://app:hunter2hunter2@db.example.com/x",
}
PERSONAL = {
    "email": "jane.doe@example.com",
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "ssn": "536-90-4399",
    "phone": "+49 30 901820",
}
CANARIES = {**SECRETS, **PERSONAL}
TEXT = "; ".join(f"my {kind} is {value}" for kind, value in CANARIES.items())
CLIENT_KEY = "sk-ant-clientkey-aB3dE5fG7hJ9kL1mN3pQ5rS7tU9v"


def is_in(value: str, everything: bytes) -> bool:
    """Look for the part of a canary that is secret: of a URL its password."""
    secret = "hunter2hunter2" if "hunter2" in value else value
    return secret.encode() in everything


def instrument(home: Path, **settings: object) -> Recorded:
    """Instrument into ``home``."""
    llmtrace.instrument(home=home, **settings)  # type: ignore[arg-type]  # passed on as given
    return Recorded(home)


def converse(api: Api, provider: LocalProvider, *, stream: bool) -> None:
    """Send the canaries, and get them back."""
    provider.enqueue(Reply(answer=Answer(text=TEXT)))
    client = api.client(provider, key=CLIENT_KEY)
    result = api.create(client, TEXT, stream=stream)
    if stream:
        list(api.chunks(result))


def test_no_secret_and_no_personal_data_leaves_the_process(
    speaking: Api, provider: LocalProvider, recorded: Recorded, stream: bool
) -> None:
    converse(speaking, provider, stream=stream)

    everything = recorded.everything()
    assert [kind for kind, value in CANARIES.items() if is_in(value, everything)] == []
    assert CLIENT_KEY.encode() not in everything
    counted = dict(
        pair.split("=") for pair in recorded.attributes()["llmtrace.redacted"].split(",")
    )
    assert counted == dict.fromkeys(sorted(CANARIES), "2")


def test_mode_full_takes_out_secrets_alone(
    speaking: Api, provider: LocalProvider, tmp_path: Path
) -> None:
    recorded = instrument(tmp_path, capture_content="full")

    converse(speaking, provider, stream=False)

    everything = recorded.everything()
    assert [kind for kind, value in SECRETS.items() if is_in(value, everything)] == []
    assert [kind for kind, value in PERSONAL.items() if not is_in(value, everything)] == []


def test_mode_none_keeps_numbers_and_no_text(
    speaking: Api, provider: LocalProvider, tmp_path: Path
) -> None:
    recorded = instrument(tmp_path, capture_content="none")

    converse(speaking, provider, stream=bool(speaking.streamed))

    attributes = recorded.attributes()
    assert "llmtrace.request.body" not in attributes
    assert "llmtrace.response.body" not in attributes
    assert b"my email is" not in recorded.everything()
    assert attributes["gen_ai.usage.input_tokens"] > 0


def test_an_error_message_is_redacted_too(
    api: Api, provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(status=400, message=f"bad input: {TEXT}"))

    with pytest.raises(Exception, match="bad input"):
        api.create(api.client(provider))

    everything = recorded.everything()
    assert [kind for kind, value in CANARIES.items() if is_in(value, everything)] == []
    assert "bad input" in recorded.span()["status_message"]


def test_the_apps_own_redaction_comes_on_top(
    speaking: Api, provider: LocalProvider, tmp_path: Path
) -> None:
    recorded = instrument(
        tmp_path,
        redact=lambda text: text.replace("Waldo", "[nobody]"),
        redact_patterns=[("ticket", r"TCK-\d{4}")],
    )

    speaking.create(speaking.client(provider), "Waldo asks about TCK-1234")

    body = recorded.attributes()["llmtrace.request.body"]
    assert "[nobody] asks about [REDACTED:ticket]" in body


def test_a_redaction_function_that_fails_takes_the_text_with_it(
    speaking: Api, provider: LocalProvider, tmp_path: Path
) -> None:
    def broken(text: str) -> str:
        raise RuntimeError("no")

    recorded = instrument(tmp_path, redact=broken)

    speaking.create(speaking.client(provider), "Waldo was here")

    assert b"Waldo" not in recorded.everything()
    assert recorded.attributes()["llmtrace.redacted"] == "dropped=2"


def test_a_long_body_is_cut_and_marked(
    speaking: Api, provider: LocalProvider, tmp_path: Path
) -> None:
    recorded = instrument(tmp_path, max_body_bytes=1_000)

    speaking.create(speaking.client(provider), "word " * 1_000)

    attributes = recorded.attributes()
    assert len(attributes["llmtrace.request.body"].encode()) <= 1_000
    assert attributes["llmtrace.truncated"] is True
    assert attributes["gen_ai.usage.input_tokens"] > 1_000
