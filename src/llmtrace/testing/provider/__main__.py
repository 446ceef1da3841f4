"""``python -m llmtrace.testing.provider``: serve until a signal, or until stdin closes.

Prints one line of JSON with the URLs, then nothing. A parent that pipes stdin and dies takes the
server with it; a terminal or ``/dev/null`` as stdin is not watched.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import stat
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from llmtrace.testing.provider.local import LocalProvider
from llmtrace.testing.provider.slack import SlackSink

if TYPE_CHECKING:
    from types import FrameType


def main(arguments: list[str] | None = None) -> int:
    """Serve; return 0 after a signal or the end of stdin, 2 if the port cannot be had."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()

    def stopper(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopper)
    with ExitStack() as stack:
        try:
            provider = LocalProvider(
                port=options.port, latency_s=options.latency, chunk_delay_s=options.chunk_delay
            )
        except OSError as error:
            sys.stderr.write(
                f"cannot listen on 127.0.0.1:{options.port}: {error.strerror}; "
                "choose another --port, or 0 for any free one\n"
            )
            return 2
        stack.enter_context(provider)
        urls = {
            "url": provider.url,
            "openai_base_url": provider.openai_url,
            "anthropic_base_url": provider.anthropic_url,
        }
        if options.slack:
            urls["slack_webhook_url"] = stack.enter_context(SlackSink()).url
        sys.stdout.write(json.dumps(urls) + "\n")
        sys.stdout.flush()
        if _is_pipe(0):
            threading.Thread(target=_watch_stdin, args=(stop,), daemon=True).start()
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m llmtrace.testing.provider",
        description="A loopback server that answers like OpenAI and Anthropic.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 (default): any free port")
    parser.add_argument("--slack", action="store_true", help="also serve a Slack webhook")
    parser.add_argument(
        "--latency", type=float, default=0.0, help="seconds before each answer (default 0)"
    )
    parser.add_argument(
        "--chunk-delay", type=float, default=0.0, help="seconds between chunks (default 0)"
    )
    return parser


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _watch_stdin(stop: threading.Event) -> None:
    """Wait for the end of stdin; read the descriptor itself, whose lock no exit waits for."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    stop.set()


if __name__ == "__main__":
    raise SystemExit(main())
