"""Every module has its test: a file of its name in its package's folder, or one that names it."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import PACKAGE, REPOSITORY, name_of

TESTS = REPOSITORY / "tests"
TEXTS = {path: path.read_text() for path in TESTS.rglob("*.py") if "architecture" not in path.parts}
# Modules that tests reach only through their package's front door, and the test that does.
TESTED_THROUGH: dict[str, str] = {}
MODULES = sorted(
    name_of(path).removeprefix("src/")
    for path in PACKAGE.rglob("*.py")
    if path.name not in {"__init__.py", "__main__.py"}
)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_its_test(module: str) -> None:
    folder, _, file = module.removeprefix("llmtrace/").rpartition("/")
    mirror = TESTS / folder / f"test_{file}"
    listed = TESTED_THROUGH.get(module)

    if listed is not None:
        assert not mirror.exists(), f"{name_of(mirror)} exists: take {module} off the list"
        assert (REPOSITORY / listed).is_file()
    else:
        assert mirror.exists() or imported_by_a_test(module)


def imported_by_a_test(module: str) -> bool:
    """Tell whether a test names the module where it imports."""
    package, _, name = module.removesuffix(".py").replace("/", ".").rpartition(".")
    pattern = re.compile(
        rf"^\s*from {package} import [^#]*\b{name}\b"
        rf"|^\s*from {package} import \((?:[^)]*\b){name}\b"
        rf"|^\s*(?:from|import) {package}\.{name}\b",
        re.MULTILINE,
    )
    return any(pattern.search(text) for text in TEXTS.values())
