"""``llmtrace what-if`` prints what the engine says; what is unknown is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from llmtrace.cli import main
from llmtrace.cli.what_if import command
from llmtrace.store import DATABASE_FILE, Writer
from tests.store.calls import call

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def filled(home: Path) -> Path:
    """A home with two calls of gpt-5 and one of another model, and a price of ours."""
    now = datetime.now(UTC) - timedelta(hours=1)
    home.mkdir(exist_ok=True)
    with Writer(home / DATABASE_FILE) as writer:
        writer.insert(
            [call(now), call(now, cache_read_tokens=40), call(now, request_model="gpt-5-mini")]
        )
    (home / "prices.yaml").write_text(
        "prices:\n  - provider: ours\n    model: own\n    usd_per_mtok: {input: 1, output: 2}\n"
    )
    return home


def test_the_record_is_exact_and_says_what_has_no_price(filled: Path) -> None:
    result = CliRunner().invoke(
        command, ["--model", "ours/own", "--of", "gpt-5", "--json", "--home", str(filled)]
    )

    found = json.loads(result.stdout, parse_float=Decimal)
    (own,) = found["candidates"]
    assert (found["calls"], own["priced_calls"]) == (2, 1)
    assert own["cost_usd"] == Decimal("0.00014")
    assert own["delta_usd"] == Decimal("0.00014") - Decimal("0.01")
    assert own["too_long_calls"] is None
    assert list(own["unpriced"].values()) == [1]


def test_the_table_is_for_people_and_the_reasons_are_beside_it(filled: Path) -> None:
    arguments = ["--model", "ours/own", "--model", "nobody/knows", "--home", str(filled)]

    result = CliRunner().invoke(command, [*arguments, "--no-caching"])

    assert "3 of 3" in result.stdout
    assert "0 of 3" in result.stdout
    assert "3 calls cost $0.0300; 0 of them told no tokens" in result.stdout
    assert "nobody/knows: 3 calls: " in result.stderr


def test_a_model_without_its_provider_is_refused(filled: Path) -> None:
    result = CliRunner().invoke(command, ["--model", "gpt-5", "--home", str(filled)])

    assert result.exit_code == 2
    assert "write PROVIDER/MODEL" in result.output


def test_it_is_found_by_its_name() -> None:
    result = CliRunner().invoke(main, ["what-if", "--help"])

    assert result.exit_code == 0
    assert "at today's prices" in result.stdout
