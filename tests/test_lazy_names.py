"""Names of a package that are loaded when they are first asked for."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

import llmtrace.collector
import llmtrace.store
from llmtrace.lazy_names import lazy_names


def test_a_name_is_loaded_once_from_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    package, home = ModuleType("a_package"), ModuleType("a_package.part")
    home.__dict__["Thing"] = object()
    monkeypatch.setitem(sys.modules, "a_package", package)
    monkeypatch.setitem(sys.modules, "a_package.part", home)

    found = lazy_names("a_package", {"Thing": "a_package.part"})("Thing")

    assert found is home.__dict__["Thing"]
    assert vars(package)["Thing"] is found


def test_a_name_that_a_package_does_not_have_is_told_as_python_does() -> None:
    with pytest.raises(
        AttributeError, match=r"module 'llmtrace\.store' has no attribute 'Nothing'"
    ):
        _ = llmtrace.store.Nothing  # pyright: ignore[reportAttributeAccessIssue]  # what is tested


@pytest.mark.parametrize(
    "package", [llmtrace.collector, llmtrace.store], ids=lambda it: it.__name__
)
def test_every_listed_name_can_be_had(package: ModuleType) -> None:
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
