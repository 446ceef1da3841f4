"""``llmtrace dashboard``: loopback only, headers that let nothing out, clear refusals."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from llmtrace.cli.dashboard import POLICY, is_loopback, serve
from llmtrace.config import Settings
from llmtrace.errors import ConfigError
from llmtrace.store.discovery import find_collector
from tests.end_to_end.browsing import dashboard

if TYPE_CHECKING:
    from pathlib import Path


def get(url: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}
    finally:
        connection.close()


def test_every_answer_has_the_policy_and_strangers_names_are_refused(tmp_path: Path) -> None:
    with dashboard(tmp_path) as url:
        for path in ("/", "/_stcore/health", "/traces"):
            status, headers = get(url, path)
            assert status == 200
            assert headers["content-security-policy"] == POLICY
            assert headers["x-frame-options"] == "DENY"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
        status, _ = get(url, "/", Host="evil.example")
        assert status == 400
        # It owns the store while it runs, so that pages need not open the file each time.
        assert find_collector(tmp_path) is not None

    assert find_collector(tmp_path) is None


def test_nothing_but_ourselves_is_allowed_by_the_policy() -> None:
    assert "http" not in POLICY
    assert "*" not in POLICY


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "::"])  # noqa: S104
def test_an_address_that_others_reach_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match="nobody would have to sign in"):
        serve(Settings(home=tmp_path), host=host, port=0, opens_browser=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_known(host: str) -> None:
    assert is_loopback(host)


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        result = subprocess.run(
            [sys.executable, "-m", "llmtrace", "dashboard", "--port", str(port), "--no-browser"],
            env={**os.environ, "LLMTRACE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert result.returncode == 2
    assert f"port {port} of 127.0.0.1 cannot be listened on" in result.stderr
    assert "Traceback" not in result.stderr
