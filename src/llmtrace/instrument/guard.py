"""The one place that keeps our faults away from the user's call.

A fault is logged once per kind and counted; the call goes on. Only ``Exception`` is caught:
``KeyboardInterrupt`` and cancellation belong to the user. With ``strict`` (our own tests) a fault
is raised instead, so that it cannot hide.
"""

from __future__ import annotations

import logging
from collections import Counter

logger = logging.getLogger("llmtrace")

faults: Counter[str] = Counter()
"""Faults of ours since the process started, by kind; shown by ``llmtrace doctor`` and on spans."""

_strict = False


def set_strict(*, strict: bool) -> None:
    """Raise our faults instead of swallowing them; for our own tests only."""
    global _strict  # noqa: PLW0603  # one switch per process
    _strict = strict


def fault(kind: str) -> None:
    """Swallow the exception being handled: log it the first time its ``kind`` is seen, count it.

    Call it from an ``except Exception`` block. Nothing of the call (content, keys, arguments) is
    logged: the traceback shows our own frames only by name and line.
    """
    faults[kind] += 1
    if _strict:
        raise  # noqa: PLE0704  # re-raises what the caller's except block is handling
    if faults[kind] == 1:
        logger.warning(
            "llmtrace could not record a call (%s); your program is not affected",
            kind,
            exc_info=logger.isEnabledFor(logging.DEBUG),
        )
