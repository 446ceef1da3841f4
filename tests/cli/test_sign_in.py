"""Sessions end, wrong tokens open none, attempts are bounded; claims allow what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmtrace.cli.sign_in import SESSION, Attempts, Sessions, allowed_tenants, shared_token
from llmtrace.config import Secret, Settings
from llmtrace.config.values import claims
from llmtrace.errors import ConfigError

NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
TOKEN = "a shared token of the team"


class Clock:
    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic_ns(self) -> int:
        raise AssertionError


def test_the_right_token_opens_a_session_that_ends() -> None:
    clock = Clock()
    sessions = Sessions(Secret(TOKEN), clock)

    key = sessions.opened(TOKEN)

    assert key is not None
    assert sessions.until(key) == NOW + SESSION
    assert key not in str(vars(sessions))
    clock.moment += SESSION
    assert sessions.until(key) is None


@pytest.mark.parametrize("wrong", ["", TOKEN[:-1], TOKEN.upper(), "\ud800", "***"])
def test_another_token_opens_none(wrong: str) -> None:
    sessions = Sessions(Secret(TOKEN), Clock())

    assert sessions.opened(wrong) is None
    assert sessions.until(wrong) is None


def test_who_signs_out_is_out_and_others_stay() -> None:
    sessions = Sessions(Secret(TOKEN), Clock())
    mine, theirs = sessions.opened(TOKEN), sessions.opened(TOKEN)
    assert mine is not None
    assert theirs is not None

    sessions.close(mine)

    assert sessions.until(mine) is None
    assert sessions.until(theirs) is not None


def test_failed_attempts_are_bounded_by_address_and_together() -> None:
    clock = Clock()
    attempts = Attempts(clock, by_address=2, together=3)

    for address in ("a", "a", "b"):
        assert attempts.may_try(address)
        attempts.failed(address)

    assert not attempts.may_try("a")
    assert not attempts.may_try("c")
    clock.moment += timedelta(minutes=1, seconds=1)
    assert attempts.may_try("a")


def test_sessions_and_attempts_take_bounded_memory() -> None:
    clock = Clock()
    sessions, attempts = Sessions(Secret(TOKEN), clock), Attempts(clock)
    first = sessions.opened(TOKEN)
    assert first is not None

    for number in range(10_000):
        sessions.opened(TOKEN)
        attempts.failed(str(number))

    assert sessions.until(first) is None
    assert len(attempts._failed) == 60


@pytest.mark.parametrize(
    ("told", "all_tenants", "expected"),
    [
        ({"tenants": ["acme", "globex"]}, "", {"acme", "globex"}),
        ({"tenants": "acme"}, "", {"acme"}),
        ({"tenants": ["acme", 7, None, ""]}, "", {"acme"}),
        ({}, "", set()),
        ({"tenants": {"acme": True}}, "", set()),
        ({"groups": ["finance"]}, "groups=finance", None),
        ({"groups": ["financers"], "tenants": "acme"}, "groups=finance", {"acme"}),
        ({"email": "ann@example.com", "email_verified": True}, "email=ann@example.com", None),
        ({"email": "ann@example.com"}, "email=ann@example.com", set()),
        ({"email": "ann@example.com", "email_verified": False}, "email=ann@example.com", set()),
        ({}, "*", None),
    ],
)
def test_claims_allow_what_the_settings_say(
    told: dict[str, Any], all_tenants: str, expected: set[str] | None
) -> None:
    settings = Settings(dashboard_all_tenants=claims(all_tenants))

    assert allowed_tenants(told, settings) == expected


def test_the_shared_token_comes_from_a_setting_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")

    assert shared_token(Settings(dashboard_token=Secret(TOKEN))).reveal() == TOKEN
    assert shared_token(Settings(dashboard_token_file=tmp_path / "token")).reveal() == TOKEN


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "set LLMTRACE_DASHBOARD_TOKEN"),
        ({"dashboard_token": Secret("canary")}, "shorter than 16"),
        ({"dashboard_token_file": Path("/nowhere/token")}, "/nowhere/token cannot be read"),
    ],
)
def test_no_token_is_a_clear_error(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as told:
        shared_token(Settings(**settings))

    assert "canary" not in str(told.value)
