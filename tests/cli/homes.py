"""Homes with calls in them, opened by commands or by a collector that runs in this process."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from llmtrace.cli import main
from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result


@contextmanager
def collected(home: Path, *, running: bool) -> Iterator[Collector | None]:
    """Let a collector own the home meanwhile, or nobody."""
    if not running:
        yield None
        return
    with Collector(load_settings({}, home=home), port=0) as collector:
        yield collector


def llmtrace(*arguments: str) -> Result:
    """Run a command; what it raises is in the result."""
    return CliRunner().invoke(main, list(arguments))


def told(result: Result) -> Any:
    """Return the JSON that a command printed; fail with what it said instead."""
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def rows(home: Path, query: str) -> list[dict[str, Any]]:
    """Ask the store, wherever it is open."""
    with open_store(home) as store:
        return store.sql(query).to_pylist(maps_as_pydicts="lossy")
