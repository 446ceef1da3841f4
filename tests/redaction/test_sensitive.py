"""Finding is fast because it looks only where a match can begin; it must miss nothing by that."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.redaction.sensitive import PERSONAL, SECRETS, Finder, Kind

KINDS = (*SECRETS, *PERSONAL)
PIECES = [
    *("-----BEGIN RSA PRIVATE KEY-----", "MIIB", "-----END RSA PRIVATE KEY-----"),
    *("sk-", "rk-ant-", "pk-", "sk_live_", "rk_test_", "AKIA", "ASIA", "ABCDEFGH12345678"),
    *("ghp_", "github_pat_", "xoxb-", "hooks.slack.com/services/", "AIza", "eyJ", "a" * 20),
    *("Bearer ", "bearer ", "://", ":", "@", "bob", "example", ".org", "user:pass@"),
    *("DE89", "3704", "0044", "GB82 WEST", "4111", "1111", "123", "45", "6789", "+49", "(555)"),
    *(
        " ",
        "-",
        ".",
        "\\",
        "\\n",
        "\\u000a",
        "\n",
        '"',
        "é",
        "密",
        "\u0663",
        "\uff13",
        "_",
        "b",
        "0",
    ),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_the_finder_finds_what_the_pattern_finds(kind: Kind, text: str) -> None:
    found = [match.span() for match in Finder(text).matches(kind)]

    assert found == [match.span() for match in kind.pattern.finditer(text)]


@pytest.mark.parametrize(
    "unit",
    ["@", "a@", "a@a.", "sk-", "eyJa.", "+1 ", "AB12 ", "4 ", "xox", "://a:", "-----BEGIN ", "0-"],
)
def test_no_text_makes_finding_slow(unit: str) -> None:
    # given: a text in which a match begins all the time and never ends
    text = (unit * 200_000)[:200_000]
    finder = Finder(text)

    # when
    started = time.thread_time()
    for kind in KINDS:
        for _ in finder.matches(kind):
            pass

    # then: 100 times what ordinary text takes, and far less than what quadratic work would
    assert time.thread_time() - started < 3
