"""``llmtrace restore``: a backup takes the place of the store, which stays beside it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import StoreError, StoreLockedError, StoreUnreachableError, StoreVersionError
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store._connection import open_database
from tests.cli.homes import collected, llmtrace, rows, told
from tests.dashboards.seeding import fill
from tests.store.calls import call

if TYPE_CHECKING:
    from pathlib import Path

COUNT = "select count(*) as calls, sum(cost_usd) as usd from llm_calls"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a home with a call of an id that uses every bit."""
    ids = {"trace_id": b"\xff" * 16, "span_id": 2**64 - 1}
    fill(tmp_path / "home", [call(**ids, request_body='{"a": 1}', tags={"team": "x"}), call()])
    return tmp_path / "home"


def test_restoring_brings_back_what_was_and_keeps_what_is(shop: Path, tmp_path: Path) -> None:
    backup = tmp_path / "b.duckdb"
    llmtrace("backup", str(backup), "--home", str(shop))
    fill(shop, [call()])

    done = told(llmtrace("restore", str(backup), "--yes", "--json", "--home", str(shop)))

    assert rows(shop, COUNT) == [{"calls": 2, "usd": Decimal("0.02")}]
    (kept,) = shop.glob("*.replaced-*")
    assert done["kept"] == str(kept)
    with Writer(kept) as before:
        assert before.sql(COUNT).to_pylist()[0]["calls"] == 3
    assert backup.is_file()


def test_restoring_into_an_empty_home_makes_a_store(shop: Path, tmp_path: Path) -> None:
    llmtrace("backup", str(tmp_path / "b.duckdb"), "--home", str(shop))

    done = told(
        llmtrace(
            "restore", str(tmp_path / "b.duckdb"), "--yes", "--json", "--home", str(tmp_path / "n")
        )
    )

    assert done["kept"] is None
    assert rows(tmp_path / "n", COUNT)[0]["calls"] == 2


def test_a_store_that_cannot_be_opened_any_more_can_be_replaced(shop: Path, tmp_path: Path) -> None:
    llmtrace("backup", str(tmp_path / "b.duckdb"), "--home", str(shop))
    (shop / DATABASE_FILE).write_bytes(b"\0" * 10_000)

    told(llmtrace("restore", str(tmp_path / "b.duckdb"), "--yes", "--json", "--home", str(shop)))

    assert rows(shop, COUNT)[0]["calls"] == 2


def test_nothing_is_restored_under_a_running_collector(shop: Path, tmp_path: Path) -> None:
    llmtrace("backup", str(tmp_path / "b.duckdb"), "--home", str(shop))

    with collected(shop, running=True):
        result = llmtrace("restore", str(tmp_path / "b.duckdb"), "--yes", "--home", str(shop))

    assert isinstance(result.exception, StoreLockedError)
    assert "(collector); stop it, then restore" in str(result.exception)
    assert list(shop.glob("*.replaced-*")) == []


def _newer(path: Path) -> None:
    with Writer(path) as writer:
        writer.transaction(
            lambda t: t.execute("update _meta set value = '999' where key = 'schema_version'")
        )


def _of_something_else(path: Path) -> None:
    connection = open_database(path)
    connection.execute("create table a (x int)")
    connection.close()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (_newer, StoreVersionError, "schema 999"),
        (_of_something_else, StoreError, "no llmtrace store"),
        (lambda path: path.write_bytes(b"text" * 9_000), StoreUnreachableError, "b.duckdb"),
    ],
)
def test_what_is_no_backup_of_ours_is_refused_and_nothing_changes(
    make: object, error: type[StoreError], text: str, shop: Path, tmp_path: Path
) -> None:
    make(tmp_path / "b.duckdb")  # pyright: ignore[reportCallIssue]  # one of three functions
    before = (shop / DATABASE_FILE).read_bytes()

    result = llmtrace("restore", str(tmp_path / "b.duckdb"), "--yes", "--home", str(shop))

    assert isinstance(result.exception, error)
    assert text in str(result.exception)
    assert (shop / DATABASE_FILE).read_bytes() == before
    assert list((shop / "staging").iterdir()) == []
