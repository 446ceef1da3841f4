"""What is taken out of text, seen where it hides best: in the escapes of JSON."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.redaction.redactor import Redactor

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


@pytest.mark.parametrize("kind", SECRETS)
def test_of_many_texts_those_with_something_to_take_out_are_found(kind: str) -> None:
    texts = ["", "nothing here: 4111", SECRETS[kind], "1111 1111 1111", f"{SECRETS[kind]}\n", "é"]

    assert Redactor("redacted").places(texts) == {2, 4}
    assert Redactor("redacted").places(["", "nothing", "here"]) == set()


PIECES = [*SECRETS.values(), "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "4111",
          " ", "-", "\n", "\\", '"', "a", "密", "\u0663", "sk-", "@", "x.org"]  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=4).map("".join), max_size=5))
def test_no_text_with_something_to_take_out_is_missed_among_others(texts: list[str]) -> None:
    redactor = Redactor("redacted")

    changed = {n for n, text in enumerate(texts) if redactor.text(text, Counter()) != text}

    assert changed <= redactor.places(texts)


@pytest.mark.parametrize("number", ["1732188312000", "1732188312000009", "1732188312000000000"])
def test_a_time_that_passes_the_check_of_cards_stays(number: str) -> None:
    # given: milliseconds, microseconds and nanoseconds since 1970, of those that pass
    same_digits = "4" + number[1:-1]
    as_cards = [Redactor("redacted").text(f"{same_digits}{n}", Counter()) for n in range(10)]

    # then: only what begins as cards do is taken for one
    assert Redactor("redacted").text(number, Counter()) == number
    assert "[REDACTED:card]" in as_cards


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
