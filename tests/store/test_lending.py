"""A file lent to another process: it can be read, not written, and no block of it moves."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import duckdb
import pytest

from llmtrace.errors import StoreError
from llmtrace.store import Writer
from llmtrace.store.lending import HEADER_BYTES
from tests.store.calls import call

if TYPE_CHECKING:
    from pathlib import Path

OPEN = """
import sys, duckdb
try:
    with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reading") as opened:
        print(opened.execute("select count(*) from spans").fetchone()[0])
except duckdb.IOException:
    print("locked")
"""


def another_process(path: Path, way: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(path), way], check=True, capture_output=True, timeout=60
    )
    return done.stdout.decode().strip()


def test_a_lent_file_can_be_read_and_only_as_long_as_it_is_lent(tmp_path: Path) -> None:
    path, seen = tmp_path / "llmtrace.duckdb", []
    with Writer(path) as writer:
        writer.insert([call()])

        with writer.lent(lambda lent: seen.append(another_process(lent, "reading"))):
            seen.append(another_process(path, "writing"))
        seen.append(another_process(path, "reading"))

    assert seen == ["1", "locked", "locked"]


def test_no_checkpoint_happens_while_a_file_is_lent(tmp_path: Path) -> None:
    path, begins = tmp_path / "llmtrace.duckdb", []

    def look(_: object = None) -> None:
        # By another process: to close a descriptor here would give up the lock.
        command = ["/usr/bin/env", "head", "-c", str(HEADER_BYTES), str(path)]
        begins.append(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)

    with Writer(path) as writer:
        with writer.lent(look):
            writer.insert([call()])
            with pytest.raises(duckdb.TransactionException):
                writer._connection.execute("checkpoint")
            look()
        writer._connection.execute("checkpoint")
        look()

    assert begins[0] == begins[1]
    assert begins[1] != begins[2]


def test_who_cannot_open_the_file_leaves_it_as_it_was(tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise StoreError("no")

    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        with pytest.raises(StoreError, match="no"), writer.lent(fail):
            pass
        writer._connection.execute("checkpoint")

        assert another_process(tmp_path / "llmtrace.duckdb", "reading") == "locked"


def test_a_file_that_is_being_written_anew_can_be_lent_and_is_exchanged_afterwards(
    tmp_path: Path,
) -> None:
    # given: somebody who borrows the file while another is made to take its place
    path, seen = tmp_path / "llmtrace.duckdb", []
    borrowed, given_back = threading.Event(), threading.Event()
    with Writer(path) as writer:
        writer.insert([call()], counts={"lost.a": 2})

        def borrow() -> None:
            with writer.lent(lambda lent: seen.append(another_process(lent, "reading"))):
                borrowed.set()
                given_back.wait(10)

        borrower = threading.Thread(target=borrow)

        def make(_: object, target: Path) -> None:
            borrower.start()
            assert borrowed.wait(20)
            assert writer.counts() == {"lost.a": 2}
            Writer(target).close()
            threading.Timer(0.1, given_back.set).start()

        # when
        writer.replace_file(make)
        borrower.join()

        # then: the exchange waited for who had borrowed the old one
        assert seen == ["1"]
        assert given_back.is_set()
        assert writer.counts() == {}
