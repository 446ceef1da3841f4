"""Files of a store exchanged: never one beside the log of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import StoreUnreachableError
from llmtrace.store.exchange import exchange_file, log_of

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")

    exchange_file(tmp_path / "new", tmp_path / "old")

    assert (tmp_path / "old").read_text() == "new"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("whose", ["new", "old"])
def test_a_log_beside_one_of_them_is_a_refusal(whose: str, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")
    log_of(tmp_path / whose).write_text("log")

    with pytest.raises(StoreUnreachableError, match=f"{whose}.wal is still there"):
        exchange_file(tmp_path / "new", tmp_path / "old")

    assert (tmp_path / "old").read_text() == "old"


def test_a_file_that_is_not_there_is_an_error_that_says_which(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreachableError, match="cannot replace"):
        exchange_file(tmp_path / "new", tmp_path / "old")
