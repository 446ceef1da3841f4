"""Limits that keep a file one concept and a function one thought."""

from __future__ import annotations

import ast

from tests.architecture.sources import REPOSITORY, name_of, parsed, product_files

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
LONGEST_EXAMPLE = 40


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in product_files()}

    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    lengths = {
        f"{name_of(path)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in product_files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_no_example_is_longer_than_40_lines() -> None:
    examples = sorted((REPOSITORY / "examples").glob("*.py"))

    lengths = {name_of(path): len(path.read_text().splitlines()) for path in examples}

    assert lengths
    assert {name: length for name, length in lengths.items() if length > LONGEST_EXAMPLE} == {}


def test_no_file_is_named_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "common", "misc", "core", "base"}

    assert [name_of(path) for path in product_files() if path.stem in vague] == []
