"""What a store needs done once in a while: a bounded piece at a time, between runs of the drain.

Nothing of it is needed for what is stored to be right. So what fails is said, and tried again
later; storing goes on.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from llmtrace.errors import StoreError
from llmtrace.store.user_days import add_next_days

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.clock import Clock
    from llmtrace.store.writer import Transaction, Writer

logger = logging.getLogger(__name__)
_BATCHES_KEPT: Final = timedelta(hours=24)
"""A client that was not answered sends the same request again for minutes."""
_FORGET_EVERY_S: Final = 3_600.0
_DAYS_EVERY_S: Final = 60.0
_NEXT_DAYS_S: Final = 1.0
"""While there are more: whoever stores or asks meanwhile has most of the processor."""
_AFTER_FAILURE_S: Final = 600.0


class Housekeeping:
    """Does what is due, from one thread."""

    def __init__(
        self, writer: Writer, clock: Clock, *, passed_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Everything is due at once; ``passed_s``: seconds, for how long ago something was done."""
        self._writer = writer
        self._clock = clock
        self._passed_s = passed_s
        self._tasks: dict[Callable[[], float], float] = {self._forget: 0.0, self._add_days: 0.0}
        """Each returns after how many seconds it is due again."""

    def do_what_is_due(self) -> None:
        """Do it; never raises StoreError."""
        for task, due_s in self._tasks.items():
            if self._passed_s() < due_s:
                continue
            try:
                again_s = task()
            except StoreError as error:
                logger.warning("upkeep of the store is put off: %s", error)
                again_s = _AFTER_FAILURE_S
            self._tasks[task] = self._passed_s() + again_s

    def _forget(self) -> float:
        self._writer.forget_batches(before=self._clock.now() - _BATCHES_KEPT)
        return _FORGET_EVERY_S

    def _add_days(self) -> float:
        now = self._clock.now().replace(tzinfo=None)

        def work(transaction: Transaction) -> bool:
            return add_next_days(transaction, now)

        return _NEXT_DAYS_S if self._writer.transaction(work) else _DAYS_EVERY_S
