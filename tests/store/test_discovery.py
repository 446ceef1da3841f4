"""Only a collector that lives and answers as itself is believed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from llmtrace.config import Secret, load_settings
from llmtrace.store.discovery import find_collector, published_collector, reader_token

if TYPE_CHECKING:
    from pathlib import Path


def publish(home: Path, **changes: object) -> None:
    content = {"url": "http://127.0.0.1:9", "pid": os.getpid(), "version": "1", **changes}
    (home / "collector.json").write_text(json.dumps(content))


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert find_collector(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"url": 1, "pid": "x"}', "\x00"])
def test_a_file_that_makes_no_sense_is_no_collector(text: str, tmp_path: Path) -> None:
    (tmp_path / "collector.json").write_text(text)

    assert published_collector(tmp_path) is None


def test_a_file_left_by_a_dead_process_is_no_collector(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait(30)
    publish(tmp_path, pid=dead.pid)

    assert published_collector(tmp_path) is None


def test_a_living_process_that_does_not_answer_is_not_found(tmp_path: Path) -> None:
    publish(tmp_path)

    assert published_collector(tmp_path) is not None
    assert find_collector(tmp_path) is None


def test_the_configured_token_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")

    from_file = reader_token(tmp_path, None)
    configured = reader_token(tmp_path, load_settings({"LLMTRACE_TOKEN": "given"}).token)

    assert from_file is not None
    assert from_file.reveal() == "from-file"
    assert configured == Secret("given")


def test_without_token_and_file_there_is_none(tmp_path: Path) -> None:
    assert reader_token(tmp_path, None) is None
