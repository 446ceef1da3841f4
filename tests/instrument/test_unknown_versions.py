"""An SDK of a version nobody has seen: what exists is patched, the rest is told, nothing breaks."""

from __future__ import annotations

import importlib
import logging
import os
import types
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from llmtrace.instrument import guard, patches
from llmtrace.instrument.integrations import INTEGRATIONS, WOKEN_BY

if TYPE_CHECKING:
    from collections import Counter

    from llmtrace.instrument.integrations._base import Integration


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Nothing is missing yet; a fault of ours raises."""
    monkeypatch.setattr(patches, "missing", type(patches.missing)())
    guard.set_strict(strict=True)
    return patches.missing


def is_installed(integration: Integration) -> bool:
    """Tell whether this environment has the SDK."""
    try:
        return bool(metadata.version(integration.distribution))
    except metadata.PackageNotFoundError:
        return False


ONLY = os.environ.get("CONTRACT_SDKS", "").split(",")
"""What this run is about; empty: everything."""
INSTALLED = [
    name
    for name, integration in INTEGRATIONS.items()
    if is_installed(integration) and (ONLY == [""] or name in ONLY)
]


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_what_wakes_an_integration_is_what_it_patches(name: str) -> None:
    assert WOKEN_BY[name] == tuple(INTEGRATIONS[name].hooks)
    assert INTEGRATIONS[name].name == name


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_an_sdk_without_any_of_the_functions_is_left_alone_and_told_of_once(
    name: str, missing: Counter[str], caplog: pytest.LogCaptureFixture
) -> None:
    hooks = INTEGRATIONS[name].hooks
    emptied = {module: types.ModuleType(module) for module in hooks}
    before = {module: dict(vars(empty)) for module, empty in emptied.items()}

    with caplog.at_level(logging.WARNING, "llmtrace"):
        undoing = [patch(emptied[module]) for module, patch in hooks.items()]
        for undo in undoing:
            undo()

    assert missing
    assert all(what.startswith(f"{name}: ") and "None" not in what for what in missing)
    assert {module: dict(vars(empty)) for module, empty in emptied.items()} == before
    (said,) = caplog.messages
    assert f"does not know this version of {name}" in said
    assert next(iter(missing)).partition(": ")[2] in said


@pytest.mark.parametrize("name", INSTALLED)
def test_the_installed_version_has_all_that_is_asked_for(
    name: str, missing: Counter[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "llmtrace"):
        for module, patch in INTEGRATIONS[name].hooks.items():
            try:
                found = importlib.import_module(module)
            except ModuleNotFoundError:  # a part that other versions have
                continue
            patch(found)()

    assert dict(missing) == {}
    assert caplog.messages == []
