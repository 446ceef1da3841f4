"""Apps in processes of their own: the real SDK over an in-process transport, so as fast as it goes.

``APP`` makes ``client`` in the first process; its transport has no connection that a fork could
share. ``ask(text)`` is one call.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

APP = """
import json, os, signal, sys, threading, time
import llmtrace
import httpx2
import openai
ANSWER = json.dumps({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": "It is on its way."}}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18},
}).encode()
def answer(request):
    return httpx2.Response(200, headers={"content-type": "application/json"}, content=ANSWER)
client = openai.OpenAI(
    base_url="http://127.0.0.1:9/v1", api_key="any", max_retries=0,
    http_client=httpx2.Client(transport=httpx2.MockTransport(answer)))
def ask(text="Where is my parcel?"):
    return client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": text}])
"""


def start(
    body: str,
    *arguments: object,
    before: str = "",
    python: str = sys.executable,
    more_environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start a process that does ``before``, then ``APP``, then ``body``."""
    code = before + APP + textwrap.dedent(body)
    return _start([python, "-c", code, *map(str, arguments)], more_environment or {})


def start_file(script: Path) -> subprocess.Popen[str]:
    """Start a process that runs ``script`` as its main module."""
    return _start([sys.executable, str(script)], {})


def _start(command: list[str], more_environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **more_environment},
    )


def finish(process: subprocess.Popen[str], *, code: int = 0, timeout_s: float = 60.0) -> str:
    """Wait for the process, check how it ended, return what it printed; a hung one is killed."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert (process.returncode, err) == (code, ""), f"exit {process.returncode}: {err}"
    return out


def overlay(place: Path, packages: Sequence[str]) -> str | None:
    """Make an environment on top of this one with ``packages`` added; return its Python.

    None where they cannot be installed (no uv, no network, no wheel for this machine).
    """
    repository = Path(__file__).parents[2]
    uv = shutil.which(repository / ".tools/bin/uv") or shutil.which("uv")
    if uv is None:
        return None
    subprocess.run(
        [uv, "venv", "--quiet", "--python", sys.executable, str(place)], check=True, timeout=60
    )
    python = place / "bin" / "python"
    (site,) = (place / "lib").glob("python*/site-packages")
    # addsitedir, for it reads the .pth files there too: llmtrace itself is in one.
    below = sysconfig.get_paths()["purelib"]
    (site / "below.pth").write_text(f"import site; site.addsitedir({below!r})\n")
    install = [uv, "pip", "install", "--quiet", "--no-build", "--python", str(python), *packages]
    real = {name: text for name, text in os.environ.items() if name != "SSL_CERT_FILE"}
    done = subprocess.run(install, timeout=110, check=False, capture_output=True, env=real)
    return str(python) if done.returncode == 0 else None
