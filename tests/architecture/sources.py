"""The repository's own files, found and parsed once for the tests of this folder."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "src" / "llmtrace"
WRITTEN_IN = ("src", "dashboards", "alerts", "examples", "benchmarks", "docs", "tests", ".ci")


def product_files() -> list[Path]:
    """Return every Python file of the product: package and dashboards."""
    return sorted([*PACKAGE.rglob("*.py"), *(REPOSITORY / "dashboards").rglob("*.py")])


def written_files(*suffixes: str) -> list[Path]:
    """Return every file of the repository with one of these suffixes, nothing installed."""
    found = [path for path in REPOSITORY.iterdir() if path.is_file()]
    for folder in WRITTEN_IN:
        found.extend(path for path in (REPOSITORY / folder).rglob("*") if path.is_file())
    return sorted(path for path in found if path.suffix in suffixes)


def name_of(path: Path) -> str:
    """Return a path as people read it, from the repository's root."""
    return path.relative_to(REPOSITORY).as_posix()


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def spoken_strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of each string that the program uses: everything but docstrings."""
    tree = parsed(path)
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documentation
        ):
            yield node.lineno, node.value
