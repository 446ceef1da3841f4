"""URLs of endpoints: complete for who posts, harmless for who looks."""

from __future__ import annotations

import pytest

from llmtrace.otlp.endpoint import shown_url, with_traces_path


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://a:1", "http://a:1/v1/traces"),
        ("http://a:1/", "http://a:1/v1/traces"),
        ("https://a/otlp/v1/traces", "https://a/otlp/v1/traces"),
        ("https://a/otlp?org=1", "https://a/otlp/v1/traces?org=1"),
    ],
)
def test_the_path_of_traces_is_added_once(base: str, url: str) -> None:
    assert with_traces_path(base) == url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:hunter2@a.example/x?key=hunter2#hunter2", "https://a.example/x"),
        ("http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/traces"),
    ],
)
def test_what_may_be_secret_is_not_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown
