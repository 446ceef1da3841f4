"""What most tests of the store begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.store import DATABASE_FILE, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    """An open store without a row, the same for all tests of a module."""
    with Writer(tmp_path_factory.mktemp("home") / DATABASE_FILE) as opened:
        yield opened
