"""Asks for what a page will show while the page is drawn, so that it is there when it is needed.

Streamlit draws from top to bottom and waits for each figure; the store answers as many questions at
once as there are processors. What is asked here meets the page in the cache of answers, where each
is asked once, whoever comes first: a page draws the same without it, only later.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from dashboards.access import acting_as, viewer
from llmtrace.errors import LlmtraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from dashboards.access import Viewer

_AT_ONCE: Final = 3
"""Of all viewers: more would only wait in line before the store."""
_LEAVES_AFTER_S: Final = 2.0

_threads: Final = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="llmtrace-ahead")


@contextmanager
def ahead(asks: Iterable[Callable[[], object]]) -> Generator[None]:
    """Run ``asks``, in this order, beside the block; what they return or raise is for nobody.

    They are functions of cached questions, asked as the viewer of this page; what has not begun
    when the block ends is not asked.
    """
    who = viewer()
    running = [_threads.submit(_ask, who, each) for each in asks]
    try:
        yield
    finally:
        for each in running:
            each.cancel()
        wait(running, timeout=_LEAVES_AFTER_S)


def _ask(who: Viewer, question: Callable[[], object]) -> None:
    with acting_as(who), suppress(LlmtraceError):  # the page meets it too, and says it
        question()
