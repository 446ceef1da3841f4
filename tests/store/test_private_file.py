"""A private file is readable by its user alone, and whole or not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import StoreUnreachableError
from llmtrace.store.private_file import write_private

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
