"""The package's face: what it lists is what it has."""

from __future__ import annotations

import tomllib

import llmtrace
from tests.architecture.sources import REPOSITORY


def test_every_listed_name_can_be_had() -> None:
    missing = [name for name in llmtrace.__all__ if not hasattr(llmtrace, name)]

    assert missing == []


def test_the_list_is_sorted_and_complete() -> None:
    assert sorted(llmtrace.__all__) == llmtrace.__all__
    assert dir(llmtrace) == llmtrace.__all__


def test_the_version_is_the_one_of_the_distribution() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

    assert llmtrace.__version__ == project["version"]


def test_the_changelog_has_an_entry_for_this_version() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()

    assert f"## {llmtrace.__version__}" in changelog
