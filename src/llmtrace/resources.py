"""Finds the folders of data and pages that ship beside the code: ``dashboards``, ``alerts``.

In an installed wheel they are under ``llmtrace/_bundled``, in a checkout at the top of the
repository, where people look for them.
"""

from __future__ import annotations

from pathlib import Path

from llmtrace.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent


def bundled(name: str) -> Path:
    """Return the folder ``name``. Raises ConfigError if this installation lacks it."""
    for parent in (_PACKAGE / "_bundled", _PACKAGE.parent.parent):
        if (parent / name).is_dir():
            return parent / name
    raise ConfigError(
        f"the folder {name!r} is missing beside {_PACKAGE}: this installation is not complete; "
        "install llmtrace-toolkit again"
    )
