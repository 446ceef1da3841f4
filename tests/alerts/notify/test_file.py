"""Receivers on this machine."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from llmtrace.alerts.notify import RetryAfter, Sent
from llmtrace.alerts.notify.file import FileNotifier, LogNotifier
from tests.alerts.notify.test_blocks import FIRING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_file_gets_one_json_object_a_line_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    notifier = FileNotifier(path)

    outcomes = [notifier.send(FIRING), notifier.send(replace(FIRING, kind="resolved"))]

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert outcomes == [Sent(), Sent()]
    assert [line["kind"] for line in lines] == ["firing", "resolved"]
    assert lines[0]["labels"] == [["model", "gpt-5"]]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    outcome = FileNotifier(tmp_path / "none" / "alerts.jsonl").send(FIRING)

    assert outcome == RetryAfter(reason="cannot write alerts.jsonl: No such file or directory")


def test_the_log_gets_one_line_at_the_level_of_the_severity(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        LogNotifier().send(replace(FIRING, summary="a\nb\x1b[31m"))
        LogNotifier().send(replace(FIRING, kind="resolved"))

    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.INFO]
    assert caplog.records[0].getMessage() == "alert firing: a b[31m"
