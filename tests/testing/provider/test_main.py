"""``python -m llmtrace.testing.provider`` as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmtrace.testing.provider import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-m", "llmtrace.testing.provider"]


@contextmanager
def _running(*options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def _urls(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_it_prints_its_urls_and_stops_when_stdin_closes() -> None:
    with _running("--slack") as process:
        urls = _urls(process)
        assert urls["slack_webhook_url"].startswith("http://127.0.0.1:")
        with urllib.request.urlopen(  # noqa: S310 - a loopback URL, asserted above
            urls["slack_webhook_url"], b'{"text":"x"}', timeout=5
        ) as response:
            said = response.read()
        assert process.stdin is not None
        process.stdin.close()
        code = process.wait(timeout=10)
        process.stdin = None

    assert set(urls) == {"url", "openai_base_url", "anthropic_base_url", "slack_webhook_url"}
    assert (said, code) == (b"ok", 0)


def test_it_stops_on_sigterm() -> None:
    with _running() as process:
        _urls(process)
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=10) == 0


def test_a_taken_port_is_named_with_what_to_do() -> None:
    with LocalProvider() as other:
        done = subprocess.run(
            [*COMMAND, "--port", str(other.port)],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    assert done.returncode == 2
    assert f"127.0.0.1:{other.port}" in done.stderr
    assert "--port" in done.stderr


def test_it_loads_nothing_but_the_standard_library_and_itself() -> None:
    code = (
        "import sys; before = set(sys.modules); import llmtrace.testing.provider; "
        "print(sorted({n.split('.')[0] for n in set(sys.modules) - before}"
        " - set(sys.stdlib_module_names)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True
    )

    assert done.stdout.strip() == "['llmtrace']"
