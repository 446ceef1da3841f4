"""Ends this process when the one that started it is gone, however that came about.

The parent holds the other end of our standard input; the kernel closes it even after a SIGKILL.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Final

_PIECE_BYTES: Final = 4096


def end_with_parent(descriptor: int = 0) -> None:
    """Send SIGTERM to this process once ``descriptor`` reads as ended."""

    def wait() -> None:
        while os.read(descriptor, _PIECE_BYTES):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="llmtrace-parent", daemon=True).start()
