"""``llmtrace collector``: says where it listens, and what is wrong in one line."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING

from llmtrace.clock import SystemClock
from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.store import DATABASE_FILE, Writer, open_store
from llmtrace.store.alert_state import AlertStateStore
from llmtrace.store.queries import alert_rules
from tests.cli.collector_process import end, is_up, start

if TYPE_CHECKING:
    from pathlib import Path


def test_it_says_where_it_listens_and_ends_at_a_signal(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        AlertStateStore(writer).keep_rules("those of before", now=SystemClock().now())
    process = start(tmp_path)
    url = json.loads(is_up(process, tmp_path).read_text())["url"]

    process.terminate()
    code, out, err = end(process)

    assert (code, out) == (0, "")
    assert f"OTLP/HTTP at {url}/v1/traces" in err
    assert "stopping, what was received is stored first" in err
    # It was started without rules: whoever shows them is told.
    (rules,) = alert_rules(open_store(tmp_path)).to_pylist()
    assert rules["document"] is None


def test_a_taken_port_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        code, _, err = end(start(tmp_path, "--port", str(port)))

    assert code == 2
    assert err.startswith(f"llmtrace: cannot listen on 127.0.0.1 port {port}: Address already")
    assert len(err.splitlines()) == 1


def test_a_second_collector_is_one_line_naming_the_first_and_exit_code_3(tmp_path: Path) -> None:
    with Collector(load_settings({}, home=tmp_path), port=0):
        code, _, err = end(start(tmp_path))

    assert code == 3
    assert f"a collector already runs on {tmp_path}: process {os.getpid()}" in err
    assert len(err.splitlines()) == 1


def test_an_open_host_without_a_token_is_refused(tmp_path: Path) -> None:
    code, _, err = end(start(tmp_path, "--host", "0.0.0.0"))  # noqa: S104  # refused

    assert code == 2
    assert "set LLMTRACE_TOKEN to a long random text, or listen on 127.0.0.1" in err


def test_rules_with_errors_are_told_with_their_lines_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules:\n  - nonsense: true\n")

    code, _, err = end(start(tmp_path, "--rules", str(tmp_path / "rules.yaml")))

    assert code == 2
    assert "rules.yaml:" in err
    assert not (tmp_path / "collector.json").exists()
