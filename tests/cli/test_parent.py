"""A process that ends when the pipe to whoever started it does."""

from __future__ import annotations

import signal
import subprocess
import sys

CODE = "from llmtrace.cli.parent import end_with_parent; import signal\nend_with_parent()\n{}\n"


def test_it_gets_a_sigterm_when_stdin_ends() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CODE.format("signal.pause()")], stdin=subprocess.PIPE
    )

    process.communicate(b"what is written is not minded", timeout=30)

    assert process.returncode == -signal.SIGTERM
