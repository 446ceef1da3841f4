"""Asks for what a page will show before it is needed: while it is drawn, and before it is chosen.

Streamlit draws from top to bottom and waits for each figure; the store answers as many questions at
once as there are processors. What is asked here meets the page in the cache of answers, where each
is asked once, whoever comes first: a page draws the same without it, only later.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, NamedTuple

import streamlit as st

from dashboards.access import acting_as, viewer
from dashboards.asking import place
from llmtrace.errors import LlmtraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from dashboards.access import Viewer
    from dashboards.figures import View

    Ask = Callable[[View], object]

logger = logging.getLogger(__name__)
_AT_ONCE: Final = 3
"""Of all viewers: more would only wait in line before the store."""
_LEAVES_AFTER_S: Final = 2.0
_FORESEEN: Final = "foreseen"

_threads: Final = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="llmtrace-ahead")
_asked: Final[dict[str, None]] = {}
"""What was foreseen, the latest last; of the thread that asks it alone."""
_REMEMBERED: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What somebody may look at next."""

    page: str
    asks: tuple[Ask, ...]
    view: View


class _Foreseen(NamedTuple):
    """What is asked for one who looks at a page, until ``chosen``."""

    who: Viewer
    looks: Callable[[], Iterable[Look]]
    chosen: Event


_foreseen: Final[SimpleQueue[_Foreseen]] = SimpleQueue()


@contextmanager
def ahead(asks: Iterable[Ask], shown: View) -> Generator[None]:
    """Run ``asks``, in this order, beside the block; what they return or raise is for nobody.

    They are functions of cached questions about what is shown, asked as the viewer of this page;
    what has not begun when the block ends is not asked.
    """
    before: Event | None = st.session_state.pop(_FORESEEN, None)
    if before is not None:
        before.set()
    who = viewer()
    running = [_threads.submit(_ask, who, each, shown) for each in asks]
    try:
        yield
    finally:
        for each in running:
            each.cancel()
        wait(running, timeout=_LEAVES_AFTER_S)


def foresee(looks: Callable[[], Iterable[Look]]) -> None:
    """Ask what ``looks`` returns, as the viewer of this page; waits for nothing.

    Each is asked once, whoever may look at it. What has not begun when the page is drawn again is
    not asked.
    """
    chosen = st.session_state[_FORESEEN] = Event()
    _foreseen.put(_Foreseen(viewer(), looks, chosen))


def _ask_foreseen() -> None:
    while True:
        each = _foreseen.get()
        try:
            with acting_as(each.who):
                _ask_once(each)
        except LlmtraceError:
            pass  # the page meets it too, and says it
        except Exception:
            logger.exception("what may be looked at next could not be asked")


def _ask_once(foreseen: _Foreseen) -> None:
    for look in foreseen.looks():
        for number, each in enumerate(look.asks):
            if foreseen.chosen.is_set():
                return
            seen = look.view
            name = f"{place()} {look.page} {number} {seen.scope} {seen.zone} {seen.now}"
            if name not in _asked:
                _asked[name] = None
                with suppress(LlmtraceError):  # the page meets it too, and says it
                    each(seen)
        while len(_asked) > _REMEMBERED:
            del _asked[next(iter(_asked))]


def _ask(who: Viewer, question: Ask, shown: View) -> None:
    with acting_as(who), suppress(LlmtraceError):  # the page meets it too, and says it
        question(shown)


# One at a time: nobody waits for what is asked only in case it is chosen, nor for it to end.
Thread(target=_ask_foreseen, name="llmtrace-foresight", daemon=True).start()
