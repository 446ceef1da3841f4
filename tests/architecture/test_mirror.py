"""Every module has its test: a file of its name in its package's folder, or one that names it."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import PACKAGE, REPOSITORY, name_of

TESTS = REPOSITORY / "tests"
TEXTS = {path: path.read_text() for path in TESTS.rglob("*.py") if "architecture" not in path.parts}
# Packages whose parts mean little alone: tested through their front door, and where that is done.
TESTED_AS_A_WHOLE = {
    "llmtrace/cli/demo": "tests/end_to_end/test_demo.py",
    "llmtrace/instrument": "tests/instrument/test_differential.py",
}
MODULES = sorted(
    name_of(path).removeprefix("src/")
    for path in PACKAGE.rglob("*.py")
    if path.name not in {"__init__.py", "__main__.py"}
)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_its_test(module: str) -> None:
    folder, _, file = module.removeprefix("llmtrace/").rpartition("/")

    mirror = TESTS / folder / f"test_{file}"

    assert mirror.exists() or imported_by_a_test(module) or in_a_tested_whole(module)


@pytest.mark.parametrize("package", TESTED_AS_A_WHOLE)
def test_a_package_that_is_tested_as_a_whole_exists_with_its_test(package: str) -> None:
    assert (REPOSITORY / "src" / package).is_dir()
    assert (REPOSITORY / TESTED_AS_A_WHOLE[package]).is_file()


def in_a_tested_whole(module: str) -> bool:
    """Tell whether the module belongs to a package that is tested through its front door."""
    return any(module.startswith(f"{package}/") for package in TESTED_AS_A_WHOLE)


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
