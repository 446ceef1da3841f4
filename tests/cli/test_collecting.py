"""The collector's process: it has nothing in it that nobody asks it for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from llmtrace.store import open_store
from tests.cli.collector_process import end, is_up, start


@pytest.mark.skipif(sys.platform != "linux", reason="what is mapped is read from /proc")
def test_it_stores_and_answers_without_numpy(tmp_path: Path) -> None:
    process = start(tmp_path, "--no-grpc")
    is_up(process, tmp_path)

    answer = open_store(tmp_path).sql("select ? + 1 as v", [41]).to_pylist()
    mapped = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
    process.terminate()
    end(process)

    assert answer == [{"v": 42}]
    assert "libarrow" in mapped
    assert "numpy" not in mapped
