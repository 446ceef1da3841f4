"""``llmtrace compact``: less disk, the same rows, and a whole store whenever it is killed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.otlp.rows import EventRow
from llmtrace.store import DATABASE_FILE, Writer
from tests.cli.homes import collected, llmtrace, rows, told
from tests.collector.clients import send
from tests.dashboards.seeding import fill
from tests.otlp.otlp_requests import request, span
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from pathlib import Path

COUNT = "select count(*) as calls, sum(cost_usd) as usd from llm_calls"


def filled(home: Path, calls: int, *, body: bool = True) -> Path:
    """Return a home whose calls have bodies that do not compress, latest first."""
    noise = random.Random(1)
    fill(
        home,
        [
            call(
                NOON - timedelta(seconds=number),
                request_body=noise.randbytes(2_000).hex() if body else None,
                events=(EventRow(time_us=1, name="e"),),
            )
            for number in range(calls)
        ],
    )
    return home


@pytest.mark.parametrize("running", [False, True])
def test_deleted_rows_give_their_disk_back_and_the_others_stay(
    running: bool, tmp_path: Path
) -> None:
    home = filled(tmp_path, 2_000)
    with collected(home, running=running):
        llmtrace("retention", "--payloads", "0d", "--yes", "--home", str(home))
        before = rows(home, "select * from llm_calls order by trace_id")

        done = told(llmtrace("compact", "--json", "--home", str(home)))

        assert rows(home, "select * from llm_calls order by trace_id") == before
        assert rows(home, "select count(*) as n from payloads") == [{"n": 0}]
    assert done["after_bytes"] < done["before_bytes"] / 2
    assert (home / DATABASE_FILE).stat().st_size < done["before_bytes"] / 2
    assert done["spans"] == 2_000


def test_spans_that_arrive_afterwards_are_stored_in_the_new_file(tmp_path: Path) -> None:
    with collected(tmp_path, running=True) as collector:
        assert collector is not None
        send(collector.url, request(span(1)))
        told(llmtrace("compact", "--json", "--home", str(tmp_path)))
        send(collector.url, request(span(2), span(1)))
        told(llmtrace("compact", "--json", "--home", str(tmp_path)))

        assert rows(tmp_path, COUNT)[0]["calls"] == 2
    assert rows(tmp_path, COUNT)[0]["calls"] == 2


def test_rows_lie_in_order_of_time_afterwards(tmp_path: Path) -> None:
    home = filled(tmp_path, 50, body=False)

    llmtrace("compact", "--home", str(home))

    starts = rows(home, "select start_time from spans")
    assert starts == sorted(starts, key=lambda row: row["start_time"])


def test_a_kill_at_any_moment_leaves_a_whole_store(tmp_path: Path) -> None:
    # given
    home = filled(tmp_path, 3_000)
    expected = [{"calls": 3_000, "usd": Decimal(30)}]
    started = time.monotonic()
    run_compact(home).wait(60)
    whole_s = time.monotonic() - started
    moments = random.Random(7)

    for _ in range(6):
        # when
        compacting = run_compact(home)
        time.sleep(whole_s * moments.uniform(0.3, 1.0))
        compacting.kill()
        compacting.wait(60)

        # then
        assert rows(home, COUNT) == expected
    told(llmtrace("compact", "--json", "--home", str(home)))
    assert rows(home, COUNT) == expected
    left = {path.name for path in home.iterdir()}
    assert left == {DATABASE_FILE, "store.lock"}


def run_compact(home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "llmtrace", "compact", "--home", str(home)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_readers_go_on_while_a_file_is_made_and_after_it(tmp_path: Path) -> None:
    home = filled(tmp_path, 10, body=False)
    seen: list[int] = []
    with Writer(home / DATABASE_FILE) as writer:

        def make(source: object, target: Path) -> None:
            seen.append(writer.sql(COUNT).to_pylist()[0]["calls"])
            Writer(target).close()

        writer.replace_file(make)

        assert seen == [10]
        assert writer.sql(COUNT).to_pylist()[0]["calls"] == 0
        writer.insert([call()])
        assert writer.sql(COUNT).to_pylist()[0]["calls"] == 1


def test_a_copy_that_fails_leaves_the_old_file_in_use(tmp_path: Path) -> None:
    home = filled(tmp_path, 10, body=False)
    with Writer(home / DATABASE_FILE) as writer:

        def fail(source: object, target: Path) -> None:
            target.write_bytes(b"half")
            raise RuntimeError

        with pytest.raises(RuntimeError):
            writer.replace_file(fail)

        writer.insert([call()])
        assert writer.sql(COUNT).to_pylist()[0]["calls"] == 11
    assert not list(home.glob(".*"))
