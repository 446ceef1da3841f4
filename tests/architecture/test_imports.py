"""What instrumenting an app loads into it, measured in a fresh interpreter.

The import contracts see the static graph; only running it tells a deferred import from one at once.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = (
    "anthropic",
    "click",
    "duckdb",
    "genai_prices",
    "google.protobuf",
    "jsonschema",
    "numpy",
    "openai",
    "opentelemetry.sdk",
    "pandas",
    "pyarrow",
    "pydantic",
    "rich",
    "starlette",
    "streamlit",
    "uvicorn",
    "yaml",
)


def loaded_after(program: str) -> set[str]:
    """Return the names of the modules that are loaded once a new interpreter ran ``program``."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint('\\n'.join(sys.modules))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_instrumenting_an_app_loads_nothing_heavy() -> None:
    before = loaded_after("")

    after = loaded_after("import llmtrace; llmtrace.instrument()")

    assert "llmtrace.instrument" in after
    assert sorted((after - before) & set(HEAVY)) == []


def test_importing_llmtrace_alone_loads_only_its_front_door() -> None:
    before = loaded_after("")

    after = loaded_after("import llmtrace")

    ours = {name for name in after - before if name.startswith("llmtrace")}
    assert ours == {"llmtrace"}


@pytest.mark.parametrize("command", ["--help", "--version"])
def test_asking_the_command_line_for_help_does_not_open_the_store(command: str) -> None:
    program = f"from llmtrace.cli import run\ntry: run([{command!r}])\nexcept SystemExit: pass"

    loaded = loaded_after(program)

    assert sorted(loaded & {"duckdb", "pandas", "pyarrow", "streamlit"}) == []


def test_the_supervisor_loads_neither_the_store_nor_the_pages(tmp_path: Path) -> None:
    # A certificate without its key: the collector it starts ends with exit code 2, and so does it.
    arguments = ["up", f"--home={tmp_path}", "--port=0", "--no-grpc", "--tls-cert=none.pem"]
    program = f"from llmtrace.cli import run\ntry: run({arguments!r})\nexcept SystemExit: pass"

    loaded = loaded_after(program)

    assert "llmtrace.cli.up.supervisor" in loaded
    heavy = set(HEAVY) - {"click"} | {"grpc", "llmtrace.collector.service", "llmtrace.store.home"}
    assert sorted(loaded & heavy) == []
