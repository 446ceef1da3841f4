"""What most tests of the store begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.store import DATABASE_FILE, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """An open store without a row, for one test to fill."""
    with Writer(tmp_path / DATABASE_FILE) as opened:
        yield opened


@pytest.fixture
def store(writer: Writer) -> Writer:
    """The same, for tests of what asks it."""
    return writer


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    """An open store without a row that stays so, the same for all tests of a module."""
    with Writer(tmp_path_factory.mktemp("home") / DATABASE_FILE) as opened:
        yield opened
