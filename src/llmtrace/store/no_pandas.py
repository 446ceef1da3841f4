"""Keeps pandas out of processes in which nobody asks for a data frame.

DuckDB loads it to bind the first parameter and pyarrow to build the first column, only to learn
whether a value is one of its own: a second of processor time and 40 MB for nothing. Both do without
where it is not installed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


class _NotHere:
    """A finder that finds everything but pandas."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        """Leave a module to the other finders. Raises ModuleNotFoundError for pandas."""
        del path, target
        if name == "pandas":
            raise ModuleNotFoundError("this process does without pandas", name=name)


def keep_pandas_out() -> None:
    """Let pandas be as if it were not installed; no use where it is loaded already."""
    sys.meta_path.insert(0, _NotHere())
