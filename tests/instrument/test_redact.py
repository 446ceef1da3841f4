"""What is taken out of text, seen where it hides best: in the escapes of JSON."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from llmtrace.instrument.redact import Redactor

SECRETS = {
    "api_key": "sk-proj-" + "a1B2" * 10,
    "aws_key": "AKIA" + "ABCD1234EFGH5678",
    "github_token": "ghp_" + "a" * 36,
    "google_key": "AIza" + "b" * 35,
    "slack_token": "xoxb-1234567890-abcdef",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.SflKxwRJSMeKKF2QT4",
    "bearer": "Bearer abcdefghijklmnopqrstuvwxyz",
    "email": "bob@example.com",
    "iban": "DE89 3704 0044 0532 0130 00",
    "card": "4111 1111 1111 1111",
    "ssn": "123-45-6789",
    "phone": "+49 170 1234567",
}
BEFORE = {
    "start": "",
    "space": "it is ",
    "line": "it is:\n",
    "tab": "it is:\t",
    "quote": 'it is:"',
    "wide": "it is:\u2028",
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("is_nested", [False, True], ids=["plain", "json_in_json"])
def test_a_secret_goes_wherever_in_the_body_it_begins(
    kind: str, before: str, *, is_nested: bool
) -> None:
    # given: a body with a secret after a space, a line break, an escaped quote, …; tool arguments
    # are JSON inside a JSON string
    content = BEFORE[before] + SECRETS[kind] + "\nthanks"
    if is_nested:
        content = json.dumps({"note": content})
    body = json.dumps({"messages": [{"role": "user", "content": content}]})
    counts: Counter[str] = Counter()

    # when
    redacted = Redactor("redacted").json_text(body, counts)

    # then: it is gone and counted, what stands around it is not, and JSON stays JSON
    assert SECRETS[kind] not in redacted
    assert counts == {kind: 1}
    kept = json.loads(redacted)["messages"][0]["content"]
    if is_nested:
        kept = json.loads(kept)["note"]
    assert kept == f"{BEFORE[before]}[REDACTED:{kind}]\nthanks"


@pytest.mark.parametrize("pattern", [r"\bTCK-\d+", r"(?m)^TCK-\d+", r"(?<!\w)TCK-\d+"])
def test_a_pattern_of_the_users_own_sees_lines_as_they_were_written(pattern: str) -> None:
    # given
    redactor = Redactor("redacted", patterns=[("ticket", pattern)])
    counts: Counter[str] = Counter()

    # when
    redacted = redactor.json_text(json.dumps({"content": "see\nTCK-42"}), counts)

    # then
    assert json.loads(redacted) == {"content": "see\n[REDACTED:ticket]"}
    assert counts == {"ticket": 1}


@pytest.mark.parametrize(
    "text", ["task-force-meeting-notes-2024-final", "desk-" + "a" * 30, "order 1234567890123456"]
)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    # given
    body = json.dumps({"content": text})
    counts: Counter[str] = Counter()

    # when / then
    assert Redactor("redacted").json_text(body, counts) == body
    assert not counts
