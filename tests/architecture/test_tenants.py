"""No page gets round the viewer's tenants: one way to the store, and no answer kept for another."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.architecture.sources import REPOSITORY, name_of, parsed

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted((REPOSITORY / "dashboards").rglob("*.py"))
# Hands out the store of the viewer's tenants.
DOOR = REPOSITORY / "dashboards" / "asking.py"
OPENERS = {
    "Admin", "HomeStore", "RemoteStore", "Writer", "connect", "open_admin", "open_store",
    "opened_file",
}  # fmt: skip
KEPT = {"cache_data", "cache_resource"}
# What is no tenant's: this process's own, and what the views' columns mean.
OWN = {"dashboards/data_sql.py _views", "dashboards/replay_runs.py runs"}


@pytest.mark.parametrize("path", [each for each in PAGES if each != DOOR], ids=name_of)
def test_the_store_is_opened_at_one_door(path: Path) -> None:
    called = {
        name.attr if isinstance(name, ast.Attribute) else name.id
        for call in ast.walk(parsed(path))
        if isinstance(call, ast.Call)
        for name in [call.func]
        if isinstance(name, (ast.Attribute, ast.Name))
    }

    assert not called & OPENERS, "ask asking.open_at(place()), whole_store() or whole_admin()"
    assert "Place" not in called, "asking.place() says which place is the viewer's"


@pytest.mark.parametrize("path", [each for each in PAGES if each != DOOR], ids=name_of)
def test_what_is_kept_is_kept_for_a_place(path: Path) -> None:
    shared = {
        f"{name_of(path)} {function.name}"
        for function in ast.walk(parsed(path))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        and any(keeps(decorator) for decorator in function.decorator_list)
        and not takes_a_place(function)
    }

    assert not shared - OWN, "a cached answer is one viewer's: take `where: Place` first"


def keeps(decorator: ast.expr) -> bool:
    """Tell whether a decorator is one of Streamlit's caches."""
    made = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (made.attr if isinstance(made, ast.Attribute) else getattr(made, "id", "")) in KEPT


def takes_a_place(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether the first argument is a ``Place`` that is part of the cache's key."""
    if not function.args.args:
        return False
    first = function.args.args[0]
    written = ast.unparse(first.annotation) if first.annotation else ""
    return written.strip("'\"") == "Place" and not first.arg.startswith("_")
