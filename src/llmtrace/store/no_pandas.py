"""Keeps pandas, and numpy, out of processes in which nobody asks for a data frame or an array.

DuckDB loads pandas to bind the first parameter and pyarrow to build the first column, only to learn
whether a value is one of its own: a second of processor time and 40 MB for nothing. numpy comes
with pyarrow: 11 MB. All do without where it is not installed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


class _NotHere:
    """A finder that finds everything but some modules."""

    def __init__(self, *names: str) -> None:
        self._names = frozenset(names)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        """Leave a module to the other finders. Raises ModuleNotFoundError for one of these."""
        del path, target
        if name in self._names:
            raise ModuleNotFoundError(f"this process does without {name}", name=name)


def keep_numpy_out() -> None:
    """Let pandas and numpy be as if they were not installed; before pyarrow is loaded."""
    sys.meta_path.insert(0, _NotHere("pandas", "numpy"))


def keep_pandas_from_arrow() -> None:
    """Have pyarrow take values for none of pandas' unless it is told that they are.

    For processes in which others may want pandas: whoever imports it gets it, and so does pyarrow
    where it cannot do without. It looks for it once.
    """
    kept_out = _NotHere("pandas")
    sys.meta_path.insert(0, kept_out)
    try:
        import pyarrow as pa  # noqa: PLC0415  # whoever needs it only now

        pa.array([None])
    finally:
        sys.meta_path.remove(kept_out)
