"""``llmtrace backup``: a whole copy, while spans arrive."""

from __future__ import annotations

import hashlib
import shutil
import threading
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.store import DATABASE_FILE, Writer
from tests.cli.homes import collected, llmtrace, rows, told
from tests.collector.clients import send
from tests.dashboards.seeding import fill
from tests.otlp.otlp_requests import request, span
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


@pytest.mark.parametrize("running", [False, True])
def test_a_backup_is_the_whole_store_and_its_hash_is_told(
    running: bool, shop: Path, tmp_path: Path
) -> None:
    everything = "select * from llm_calls_full order by trace_id"
    with collected(shop, running=running):
        done = told(llmtrace("backup", str(tmp_path / "b.duckdb"), "--json", "--home", str(shop)))
        before = rows(shop, everything)

    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(tmp_path / "b.duckdb", other / DATABASE_FILE)
    assert rows(other, everything) == before
    assert (done["calls"], Decimal(done["cost_usd"])) == (2, Decimal("0.02"))
    assert done["sha256"] == hashlib.sha256((tmp_path / "b.duckdb").read_bytes()).hexdigest()
    assert (tmp_path / "b.duckdb").stat().st_mode & 0o777 == 0o600
    assert list((shop / "staging").iterdir()) == []


def test_no_span_acknowledged_before_the_backup_is_missing_from_it(tmp_path: Path) -> None:
    # given: a client that sends without pause
    home, acked, stop = tmp_path / "home", [], threading.Event()
    with collected(home, running=True) as collector:
        assert collector is not None

        def keep_sending() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                if send(collector.url, request(span(number))).status == 200:
                    acked.append(number)

        client = threading.Thread(target=keep_sending)
        client.start()
        try:
            while len(acked) < 20:
                stop.wait(0.01)

            # when
            before = len(acked)
            told(llmtrace("backup", str(tmp_path / "b.duckdb"), "--json", "--home", str(home)))
        finally:
            stop.set()
            client.join(20)
        stored_later = rows(home, COUNT)[0]["calls"]

    # then
    with Writer(tmp_path / "b.duckdb") as copy:
        ids = copy.sql("select span_id::varchar as id from spans").column("id").to_pylist()
    assert {str(number) for number in acked[:before]} <= set(ids)
    assert len(ids) == len(set(ids))
    assert stored_later >= len(ids)


def test_a_file_that_is_there_is_not_overwritten(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "b.duckdb").write_text("mine")

    result = llmtrace("backup", str(tmp_path / "b.duckdb"), "--home", str(shop))

    assert result.exit_code == 2
    assert "b.duckdb exists; choose a new name" in result.stderr
    assert (tmp_path / "b.duckdb").read_text() == "mine"


def test_a_folder_that_is_not_there_is_named(shop: Path, tmp_path: Path) -> None:
    result = llmtrace("backup", str(tmp_path / "no" / "b.duckdb"), "--home", str(shop))

    assert result.exit_code == 2
    assert "there is no folder" in result.stderr
