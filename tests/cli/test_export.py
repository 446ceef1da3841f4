"""``llmtrace export``: exact, whole, harmless in a spreadsheet, and checkable without us."""

from __future__ import annotations

import csv
import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet

from llmtrace.errors import ConfigError, QueryError, StoreUnreachableError
from llmtrace.store._connection import open_database
from llmtrace.store.evidence import CHECK_ALL, CHECK_DAYS
from tests.cli.homes import collected, llmtrace, rows, told
from tests.dashboards.seeding import fill
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    fill(
        tmp_path / "home",
        [
            call(NOON, cost_usd=Decimal("0.000000000001"), user_id="=1+1", request_body="{}",
                 price_version="genai-prices 0", tags={"team": "x"}),
            call(NOON - DAY, cost_usd=Decimal("123456.123456789012"), user_id="ann"),
            call(NOON - 2 * DAY, cost_usd=None, cost_source="unpriced", request_model="house"),
        ],
    )  # fmt: skip
    return tmp_path / "home"


def export(home: Path, path: Path, *arguments: str) -> Any:
    return told(llmtrace("export", str(path), *arguments, "--json", "--home", str(home)))


@pytest.mark.parametrize("running", [False, True])
def test_csv_is_exact_and_runs_nothing(running: bool, shop: Path, tmp_path: Path) -> None:
    with collected(shop, running=running):
        done = export(shop, tmp_path / "calls.csv")

    with (tmp_path / "calls.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["cost_usd"] for row in found] == ["", "123456.123456789012", "0.000000000001"]
    assert [row["user_id"] for row in found] == ["", "ann", "'=1+1"]
    assert found[2]["tags"] == '{"team": "x"}'
    assert "request_body" not in found[0]
    assert done["calls"] == 3
    assert done["sha256"] == hashlib.sha256((tmp_path / "calls.csv").read_bytes()).hexdigest()


@pytest.mark.parametrize("running", [False, True])
def test_parquet_has_decimals_and_with_contents_the_bodies(
    running: bool, shop: Path, tmp_path: Path
) -> None:
    with collected(shop, running=running):
        export(shop, tmp_path / "c.parquet", "--contents", "--since", "2026-11-18")

    (row,) = parquet.read_table(tmp_path / "c.parquet").to_pylist()
    assert (row["cost_usd"], row["request_body"]) == (Decimal("0.000000000001"), "{}")


def test_filters_and_times_choose_half_open(shop: Path, tmp_path: Path) -> None:
    at_noon = NOON.isoformat()

    assert export(shop, tmp_path / "a.csv", "--until", at_noon)["calls"] == 2
    assert export(shop, tmp_path / "b.csv", "--since", at_noon)["calls"] == 1
    assert export(shop, tmp_path / "c.csv", "--user", "ann")["calls"] == 1
    assert export(shop, tmp_path / "d.csv", "--model", "house", "--user", "ann")["calls"] == 0
    assert len((tmp_path / "d.csv").read_text().splitlines()) == 1


def test_no_calls_make_a_whole_file_of_every_form(shop: Path, tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet", "a.duckdb"):
        assert export(shop, tmp_path / name, "--user", "nobody")["calls"] == 0


def test_evidence_holds_calls_prices_sums_and_hashes_that_check(shop: Path, tmp_path: Path) -> None:
    path = tmp_path / "bill.duckdb"
    (shop / "prices.yaml").write_text("- {model: gpt-5, usd_per_mtok: {input: 3, output: 4}}\n")

    export(shop, path, "--evidence", "--since", "2026-11-01")

    connection = open_database(path)
    ask = connection.execute
    manifest = dict(ask("from manifest").fetchall())
    assert ask(CHECK_DAYS).fetchall() == ask("from hashes order by day").fetchall()
    assert ask(manifest["check_days"]).fetchall() == ask("from hashes order by day").fetchall()
    assert ask(CHECK_ALL).fetchall() == [(manifest["sha256"],)]
    assert (manifest["calls"], manifest["cost_usd"]) == ("3", "123456.123456789013")
    assert ask("select sum(cost_usd), sum(calls), sum(unpriced) from counts").fetchall() == [
        (Decimal("123456.123456789013"), 3, 1)
    ]
    quoted = ask(
        "select kind, per, usd, quoted_version from prices where price_version = 'genai-prices 0'"
    ).fetchall()
    assert ("input", "1000000 tokens", "3", "prices.yaml:1") in quoted
    assert ask("select kind, usd from prices where model = 'house'").fetchall() == [(None, None)]

    # when: one amount is changed
    ask("update calls set cost_usd = 1 where user_id = 'ann'")

    assert ask(CHECK_DAYS).fetchall() != ask("from hashes order by day").fetchall()


def test_a_file_that_is_there_is_not_overwritten(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("mine")

    result = llmtrace("export", str(tmp_path / "a.csv"), "--home", str(shop))

    assert isinstance(result.exception, ConfigError)
    assert "a.csv exists" in str(result.exception)
    assert (tmp_path / "a.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("a.txt",), "which format is a.txt"),
        (("a.csv", "--evidence", "--format", "csv"), "--evidence is a DuckDB file"),
        (("a.csv", "--since", "soon"), "'soon' is no time"),
    ],
)
def test_what_cannot_be_meant_says_what_to_write(
    arguments: tuple[str, ...], text: str, shop: Path
) -> None:
    result = llmtrace("export", *arguments, "--home", str(shop))

    assert result.exit_code == 2
    assert text in result.stderr


def test_an_export_that_fails_leaves_no_file(shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()

    empty = llmtrace(
        "export", str(folder / "a.csv"), "--since", "2026-11-02", "--until", "2026-11-01",
        "--home", str(shop),
    )  # fmt: skip
    (shop / "llmtrace.duckdb").write_bytes(b"\0" * 9_000)
    broken = llmtrace("export", str(folder / "a.parquet"), "--home", str(shop))

    assert isinstance(empty.exception, QueryError)
    assert isinstance(broken.exception, StoreUnreachableError)
    assert list(folder.iterdir()) == []


def test_who_took_what_is_audited_without_the_values_of_filters(shop: Path, tmp_path: Path) -> None:
    export(shop, tmp_path / "calls.csv", "--user", "ann", "--since", "2026-11-01")

    (row,) = rows(shop, "from audit")
    assert (row["operation"], row["outcome"]) == ("export", '{"calls": 1}')
    assert "@" in row["actor"]
    assert '"filters": ["user_id"]' in row["arguments"]
    assert "ann" not in row["arguments"]


def test_what_cannot_be_audited_leaves_no_file(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreUnreachableError("no audit")

    monkeypatch.setattr("llmtrace.store.admin.Admin.run", refuse)
    result = llmtrace("export", str(tmp_path / "calls.csv"), "--home", str(shop))

    assert result.exit_code != 0
    assert list(tmp_path.glob("calls*")) == []
