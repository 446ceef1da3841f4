"""Which store the pages show. Apart from ``data``, so that the launcher need not load Streamlit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.config import load_settings

if TYPE_CHECKING:
    from pathlib import Path

_chosen: list[Path] = []


def choose_home(folder: Path) -> None:
    """Show the store of ``folder`` instead of ``LLMTRACE_HOME``; the launcher says it once."""
    _chosen[:] = [folder]


def home() -> Path:
    """Return the folder of the store that is shown."""
    return _chosen[0] if _chosen else load_settings().home
