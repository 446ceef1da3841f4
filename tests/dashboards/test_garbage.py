"""What was imported is left out of the search for garbage, once each time more has been."""

from __future__ import annotations

import gc
import sys
from types import ModuleType

import pytest

from dashboards import garbage


@pytest.fixture(autouse=True)
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "_known", 0)


def test_what_is_there_is_not_searched_again() -> None:
    garbage.spare_imported()
    assert len(gc.get_objects()) < gc.get_freeze_count() / 10


def test_nothing_is_spared_where_nothing_was_imported() -> None:
    garbage.spare_imported()
    kept = [[number] for number in range(10_000)]
    spared = gc.get_freeze_count()
    garbage.spare_imported()
    assert gc.get_freeze_count() <= spared
    assert kept


def test_a_page_that_imports_more_is_spared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    garbage.spare_imported()
    module = ModuleType("llmtrace_test_imported")
    kept = vars(module)["kept"] = [[number] for number in range(10_000)]
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def searched() -> int:
        return len({id(each) for each in gc.get_objects()} & {id(each) for each in kept})

    assert searched() == 10_000
    garbage.spare_imported()
    # Not by the count of all that is spared: some of that other tests leave may go at any time.
    assert searched() == 0
