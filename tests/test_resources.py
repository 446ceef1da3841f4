"""Folders that ship beside the code are found in a checkout, and missed aloud."""

from __future__ import annotations

import pytest

from llmtrace.errors import ConfigError
from llmtrace.resources import bundled


def test_the_pages_are_found() -> None:
    assert (bundled("dashboards") / "app.py").is_file()


def test_a_missing_folder_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="install llmtrace-toolkit again"):
        bundled("no such folder")
