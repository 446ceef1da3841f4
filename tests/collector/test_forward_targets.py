"""Backends are read from the settings, each with its own headers, and are never this collector."""

from __future__ import annotations

import socket

import pytest

from llmtrace.collector.forward_targets import Target, refuse_self, targets_of
from llmtrace.config import load_settings
from llmtrace.errors import ConfigError

EVERYWHERE = "0.0.0.0"  # noqa: S104  # compared, not bound


def targets(to: str, headers: str | None = None) -> list[Target]:
    return targets_of(load_settings({}, forward_to=to, forward_headers=headers))


def test_without_the_setting_there_is_none() -> None:
    assert targets_of(load_settings({})) == []


def test_headers_go_to_the_backend_they_are_for() -> None:
    first, second = targets("a=http://a:1,b=https://b/v1/traces", "a:x-key=1,b:x-key=2,b:team=red")

    assert (first.url, second.url) == ("http://a:1/v1/traces", "https://b/v1/traces")
    assert {name: value.reveal() for name, value in first.headers.items()} == {"x-key": "1"}
    assert {name: value.reveal() for name, value in second.headers.items()} == {
        "x-key": "2",
        "team": "red",
    }


def test_with_one_backend_its_name_may_be_left_out() -> None:
    (only,) = targets("http://a:1", "x-key=1")

    assert only.name == "a-1"
    assert only.headers["x-key"].reveal() == "1"


@pytest.mark.parametrize("headers", ["c:x=hunter2", "x=hunter2", ":x=hunter2"])
def test_a_header_for_nobody_is_refused_without_its_value(headers: str) -> None:
    with pytest.raises(ConfigError, match="is for no backend") as refusal:
        targets("a=http://a:1,b=http://b:1", headers)
    assert "hunter2" not in str(refusal.value)


def test_a_backend_is_shown_without_what_may_be_secret() -> None:
    (target,) = targets("a=http://a:1?key=hunter2")

    assert target.shown == "a (http://a:1/v1/traces)"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:4318", "127.0.0.1"),
        ("http://localhost:4318", "127.0.0.1"),
        ("http://localhost:4318", "localhost"),
        ("http://0.0.0.0:4318", "127.0.0.1"),
        ("http://127.0.0.2:4318", EVERYWHERE),
        ("http://127.0.0.1:4317", EVERYWHERE),
        (f"http://{socket.gethostname()}:4318", EVERYWHERE),
    ],
)
def test_what_listens_here_is_refused(url: str, host: str) -> None:
    with pytest.raises(ConfigError, match="this collector itself"):
        refuse_self(targets(url), host, [4318, 4317])


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:4319", "127.0.0.1"),
        ("http://127.0.0.2:4318", "127.0.0.1"),
        ("http://192.0.2.1:4318", EVERYWHERE),
        ("http://nobody.invalid:4318", EVERYWHERE),
        ("https://127.0.0.1", "127.0.0.1"),
    ],
)
def test_what_listens_elsewhere_is_not(url: str, host: str) -> None:
    refuse_self(targets(url), host, [4318, 4317])
