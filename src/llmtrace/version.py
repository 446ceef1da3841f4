"""The version of this package, told without importing package metadata (that costs 15 ms)."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
