"""Says when the disk is so full that no more is taken: before it is full, so that nothing breaks.

What is stored can still be read, and what is in the log still be stored. It recovers by itself,
some way above the mark, so that it does not change its mind with every request.
"""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MOST_KEPT_FREE: Final = 512 * 1024 * 1024
_SHARE_KEPT_FREE: Final = 20
"""One part in so many of a small disk."""
_LOOK_S: Final = 0.25
_RECOVERED: Final = 1.1


class DiskGuard:
    """Watches the free space of one disk; any thread may ask."""

    def __init__(
        self,
        home: Path,
        *,
        min_free_bytes: int | None = None,
        free_bytes: Callable[[], int] | None = None,
        look_s: float = _LOOK_S,
    ) -> None:
        """Watch the disk of ``home``.

        ``min_free_bytes``: the mark; None: 512 MiB, of a small disk a twentieth; 0: never low.
        ``free_bytes`` says what is free, for tests. It is asked every ``look_s`` seconds at most.
        """
        self._home = home
        self._free_bytes = free_bytes or (lambda: shutil.disk_usage(home).free)
        self.min_free_bytes = self._default_mark() if min_free_bytes is None else min_free_bytes
        self._look_s = look_s
        self._lock = threading.Lock()
        self._next_look = 0.0
        self._is_low = False

    @property
    def is_low(self) -> bool:
        """Say whether nothing more is to be taken."""
        with self._lock:
            now = time.monotonic()
            if now >= self._next_look:
                self._next_look = now + self._look_s
                # A disk that does not answer is told of by the write that fails.
                with suppress(OSError):
                    mark = self.min_free_bytes * (_RECOVERED if self._is_low else 1)
                    self._is_low = self._free_bytes() < mark
            return self._is_low

    @property
    def spare_bytes(self) -> int:
        """How much may be written before the disk is low, and has recovered; below 0: it is low.

        A disk that does not answer has nothing to spare.
        """
        try:
            return int(self._free_bytes() - self.min_free_bytes * _RECOVERED)
        except OSError:
            return 0

    def _default_mark(self) -> int:
        try:
            total = shutil.disk_usage(self._home).total
        except OSError:
            return _MOST_KEPT_FREE
        return min(_MOST_KEPT_FREE, total // _SHARE_KEPT_FREE)
