"""What libraries print does not get into an answer."""

from __future__ import annotations

import subprocess
import sys


def test_what_is_printed_goes_to_standard_error() -> None:
    code = (
        "from llmtrace.store.own_stdout import take_stdout\n"
        "answer = take_stdout()\n"
        "print('printed', flush=True)\n"
        "import os; os.write(1, b'written')\n"
        "answer.write(b'answered'); answer.flush()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert done.stdout == b"answered"
    assert done.stderr == b"printed\nwritten"
