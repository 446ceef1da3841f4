"""A private file is readable by its user alone, and whole or not there."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import StoreUnreachableError
from llmtrace.store.private_file import changing, write_private

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_replaced_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "below" / "file.json"

    write_private(path, "one")
    write_private(path, "two")

    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["file.json"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreUnreachableError, match="cannot write"):
        write_private(tmp_path / "file" / "inside", "x")


def test_who_changes_a_file_waits_for_who_is_at_it(tmp_path: Path) -> None:
    # given: a file that many add a line to, all at once, by reading and writing it whole
    path = tmp_path / "lines"
    write_private(path, "")
    together = threading.Barrier(8)

    def add(number: int) -> None:
        together.wait(10)
        with changing(path):
            write_private(path, path.read_text() + f"{number}\n")

    # when
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))

    # then
    assert sorted(path.read_text().split()) == [str(number) for number in range(8)]
    assert (tmp_path / ".lines.lock").stat().st_mode & 0o777 == 0o600


def test_an_error_while_it_is_changed_lets_the_next_one_in(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), changing(tmp_path / "file"):
        raise ValueError("no")

    with changing(tmp_path / "file"):
        pass
