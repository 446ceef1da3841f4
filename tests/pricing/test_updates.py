"""Newer price lists in the home folder: what is kept, what is refused, what is used."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.config import load_settings
from llmtrace.errors import PriceFileError
from llmtrace.pricing import load_price_book
from llmtrace.pricing.updates import (
    FOLDER,
    MAX_BYTES,
    checksum,
    install,
    installed_prices,
    on_disk_since,
    parse,
    read_installed,
    roll_back,
)
from llmtrace.records import TokenUsage

if TYPE_CHECKING:
    from pathlib import Path

_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_MTOK = TokenUsage(input_uncached=1_000_000)


def price_list(usd: float | str = 7, **more: Any) -> bytes:
    """Return a price list with one model of one provider."""
    model: dict[str, Any] = {
        "id": "gpt-5",
        "match": {"equals": "gpt-5"},
        "prices": {"input_mtok": usd},
    }
    provider = {
        "id": "openai",
        "name": "OpenAI",
        "api_pattern": "https://api\\.openai\\.com",
        "models": [model | more],
    }
    return json.dumps([provider]).encode()


def _usd(home: Path) -> tuple[Decimal | None, str | None]:
    cost = load_price_book(load_settings({}, home=home)).price("openai", "gpt-5", _NOON, _MTOK)
    return cost.total_usd, cost.price_version


def test_an_installed_list_is_used_and_named(tmp_path: Path) -> None:
    before = _usd(tmp_path)

    install(tmp_path, price_list(), "2026-11-21", origin="here")

    assert before[0] == Decimal("1.25")
    assert _usd(tmp_path) == (7, "genai-prices 2026-11-21")


def test_a_list_is_as_old_as_its_file(tmp_path: Path) -> None:
    bundled = on_disk_since(tmp_path)
    path = install(tmp_path, price_list(), "2026-11-21", origin="here").path
    os.utime(path, (1_700_000_000, 1_700_000_000))

    assert bundled is not None
    assert on_disk_since(tmp_path) == datetime.fromtimestamp(1_700_000_000, UTC)


def test_a_roll_back_goes_one_list_back_and_last_to_the_bundled_one(tmp_path: Path) -> None:
    install(tmp_path, price_list(7), "one", origin="here")
    install(tmp_path, price_list(8), "two", origin="here")

    first = roll_back(tmp_path)
    usd = _usd(tmp_path)[0]
    second = roll_back(tmp_path)

    assert first is not None
    assert (first.version, usd, second) == ("one", 7, None)
    assert _usd(tmp_path)[0] == Decimal("1.25")
    with pytest.raises(PriceFileError, match="no update to roll back"):
        roll_back(tmp_path)


def test_installing_a_version_again_uses_it_again(tmp_path: Path) -> None:
    for usd, version in ((7, "one"), (8, "two"), (9, "one")):
        install(tmp_path, price_list(usd), version, origin="here")

    assert _usd(tmp_path)[0] == 9
    assert roll_back(tmp_path) is not None
    assert _usd(tmp_path)[0] == 8


def test_a_list_that_was_changed_on_disk_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    new = install(tmp_path, price_list(), "one", origin="here")
    new.path.write_bytes(price_list(0))

    with caplog.at_level(logging.WARNING):
        usd = _usd(tmp_path)

    assert usd[0] == Decimal("1.25")
    assert "not the file that was installed" in caplog.text
    with pytest.raises(PriceFileError, match="SHA-256 differs"):
        read_installed(new)


@pytest.mark.parametrize("damage", ["{", "{}", '{"lists": [{"version": "../x", "sha256": ""}]}'])
def test_a_damaged_note_of_what_is_used_leaves_the_bundled_list(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(tmp_path, price_list(), "one", origin="here")
    (tmp_path / FOLDER / "active.json").write_text(damage)

    with caplog.at_level(logging.WARNING):
        assert _usd(tmp_path)[0] == Decimal("1.25")

    assert "the bundled prices are used" in caplog.text
    with pytest.raises(PriceFileError, match="delete it to use the bundled prices"):
        installed_prices(tmp_path)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "not JSON"),
        (b"{}", "must be a list of providers"),
        (b"[]", "must be a list of providers"),
        (b"[1]", "not a price list"),
        (b'[{"id": "x"}]', "not a price list"),
        (b"[" * 5_000, "not JSON"),
        (b"<html>", "not JSON"),
        (b" " * (MAX_BYTES + 1), "larger than"),
        (price_list(-1), "is -1, not between 0 and"),
        (price_list("NaN"), "not between 0 and|not a price list"),
        (price_list("1e99"), "not between 0 and"),
        (price_list(match={"regex": "(a+)+$"}), "could take for ever"),
        (price_list(match={"regex": "a" * 501}), "could take for ever"),
        (price_list(match={"regex": "("}), "is no pattern"),
        (price_list(prices={"input_mtok": "cheap"}), "not a price list"),
        (price_list(prices={"input_mtok": {"base": 1, "tiers": [{"start": 1}]}}), "not a price"),
        (
            price_list(prices={"input_mtok": {"base": 1, "tiers": [{"start": 1, "price": -2}]}}),
            "is -2",
        ),
        (b'[{"id":"x","name":"x","api_pattern":"x","models":[]}]', "no model in it"),
    ],
)
def test_what_is_no_price_list_is_refused_and_nothing_is_kept(
    tmp_path: Path, raw: bytes, problem: str
) -> None:
    with pytest.raises(PriceFileError, match=problem):
        install(tmp_path, raw, "one", origin="here")

    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize("version", ["", "../up", "a/b", ".hidden", "x" * 65, "a b"])
def test_a_version_is_a_plain_name(tmp_path: Path, version: str) -> None:
    with pytest.raises(PriceFileError, match="is not a version"):
        install(tmp_path, price_list(), version, origin="here")


def test_the_bundled_list_passes_its_own_checks() -> None:
    from genai_prices.data import providers

    from llmtrace.pricing.updates import _refuse_prices

    _refuse_prices(providers, "the bundled list")


def test_a_checksum_is_of_the_bytes() -> None:
    assert checksum(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert len(parse(price_list(), "here")) == 1
