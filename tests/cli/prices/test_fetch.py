"""Fetching a price list: only where allowed, never too much, no secret in an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.cli.prices import fetch
from llmtrace.cli.prices.fetch import DEFAULT_URL, read_source
from llmtrace.clock import SystemClock
from llmtrace.errors import PriceFileError
from tests.cli.prices.serving import served

if TYPE_CHECKING:
    from pathlib import Path

_CLOCK = SystemClock()


def test_a_loopback_address_may_be_plain_http() -> None:
    with served(b"[]") as url:
        assert read_source(url, _CLOCK) == b"[]"


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_bytes(b"[]")

    assert read_source(str(tmp_path / "data.json"), _CLOCK) == b"[]"


def test_the_default_is_https() -> None:
    assert DEFAULT_URL.startswith("https://")


@pytest.mark.parametrize(
    "url",
    ["http://example.com/data.json", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://127.1.x/"],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(PriceFileError, match="only https:// is fetched"):
        read_source(url, _CLOCK)


def test_a_redirect_is_held_to_the_same_rules() -> None:
    with (
        served(b"", 302, "http://example.com/data.json") as url,
        pytest.raises(PriceFileError, match=r"http://example\.com/data\.json: only https"),
    ):
        read_source(url, _CLOCK)


def test_a_redirect_on_this_machine_is_followed() -> None:
    with served(b"[1]") as target, served(b"", 302, target) as url:
        assert read_source(url, _CLOCK) == b"[1]"


def test_a_secret_in_the_address_reaches_no_error() -> None:
    with pytest.raises(PriceFileError) as caught:
        read_source("https://me:hunter2@example.com/x?token=hunter3", _CLOCK)

    assert "leave user and password out" in str(caught.value)
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("status", [404, 500])
def test_a_server_that_has_none_is_named(status: int) -> None:
    with served(b"no", status) as url, pytest.raises(PriceFileError, match=f"cannot be.*{status}"):
        read_source(url, _CLOCK)


def test_a_server_that_is_not_there_is_named() -> None:
    with served(b"") as url:
        pass

    with pytest.raises(PriceFileError, match="the prices in use stay in use"):
        read_source(url, _CLOCK)


def test_too_much_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 1_000)

    with served(b"x" * 1_000_000) as url, pytest.raises(PriceFileError, match="larger than 1,000"):
        read_source(url, _CLOCK)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PriceFileError, match="cannot be read"):
        read_source(str(tmp_path / "none.json"), _CLOCK)
