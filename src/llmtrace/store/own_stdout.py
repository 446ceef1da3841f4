"""Standard output for the answers of a child process alone: libraries print, too.

DuckDB shows how far a query is once it takes two seconds, where it believes that somebody looks.
"""

from __future__ import annotations

import os
from typing import IO, Final

_STDOUT: Final = 1
_STDERR: Final = 2


def take_stdout() -> IO[bytes]:
    """Return what standard output was; what anybody prints from now on goes to standard error."""
    mine = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    return os.fdopen(mine, "wb")
