"""Asks for what a page will show before it is needed: while it is drawn, and before it is chosen.

Streamlit draws from top to bottom and waits for each figure; the store answers as many questions at
once as there are processors. What is asked here meets the page in the cache of answers, where each
is asked once, whoever comes first: a page draws the same without it, only later.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Final

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboards.access import acting_as, viewer
from dashboards.asking import as_if_later, before_each, place, present
from llmtrace.errors import LlmtraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from datetime import datetime

    from dashboards.access import Viewer
    from dashboards.figures import View

    Ask = Callable[[View], object]

logger = logging.getLogger(__name__)
_AT_ONCE: Final = 3
"""Of all viewers: more would only wait in line before the store."""
_LEAVES_AFTER_S: Final = 2.0
_LEAD: Final = timedelta(seconds=5)
"""How long before a range moves on it is asked what will be shown of it then."""
_LOOKS_EVERY_S: Final = 1.0
_PATIENCE_S: Final = 0.5
"""For how long a foreseen question waits for pages that are being drawn: some always are."""
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


@dataclass(slots=True, kw_only=True)
class _Foreseen:
    """What is asked for one who looks at a page, until ``chosen`` or ``until``."""

    who: Viewer
    looks: Callable[[], Iterable[Look]]
    chosen: Event
    until: float
    """``time.monotonic()``."""
    session: str | None = None
    """Streamlit's; None: there is none that could end."""
    moment: datetime | None = None
    """As of which it was asked last."""

    @property
    def is_over(self) -> bool:
        return (
            self.chosen.is_set()
            or time.monotonic() > self.until
            or (self.session is not None and not _is_there(self.session))
        )


class _Drawn:
    """How many pages are being drawn."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._count = 0

    @contextmanager
    def one(self) -> Generator[None]:
        """One more is, within the block."""
        with self._changed:
            self._count += 1
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def wait_for_none(self) -> None:
        """Return when none is, and after ``_PATIENCE_S``."""
        with self._changed:
            self._changed.wait_for(lambda: not self._count, timeout=_PATIENCE_S)


_drawn: Final = _Drawn()

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
    with _drawn.one():
        running = [_threads.submit(_ask, who, each, shown) for each in asks]
        try:
            yield
        finally:
            for each in running:
                each.cancel()
            wait(running, timeout=_LEAVES_AFTER_S)


def foresee(looks: Callable[[], Iterable[Look]], *, for_s: float) -> None:
    """Ask what ``looks`` returns, as the viewer of this page; waits for nothing.

    And again for so many seconds, each time shortly before the ranges move on, so that nobody waits
    who is the first to look then. Each is asked once, whoever may look at it, and after the pages
    that are being drawn. What has not begun when the page is drawn again, or was closed, is not
    asked.
    """
    chosen = st.session_state[_FORESEEN] = Event()
    until = time.monotonic() + for_s
    running = get_script_run_ctx(suppress_warning=True) if runtime.exists() else None
    _foreseen.put(
        _Foreseen(who=viewer(), looks=looks, chosen=chosen, until=until,
                  session=running and running.session_id)
    )  # fmt: skip


def _is_there(session: str) -> bool:
    return runtime.exists() and runtime.get_instance().is_active_session(session)


def _ask_foreseen() -> None:
    watched: list[_Foreseen] = []
    while True:
        with suppress(Empty):
            watched.append(_foreseen.get(timeout=_LOOKS_EVERY_S if watched else None))
            _ask_as(watched[-1])
        watched = [each for each in watched if not each.is_over]
        with as_if_later(_LEAD):
            for each in watched:
                _ask_as(each)


def _ask_as(foreseen: _Foreseen) -> None:
    """Ask it as of this moment, if that was not done."""
    if foreseen.moment == present():
        return
    foreseen.moment = present()
    try:
        with acting_as(foreseen.who):
            for look in foreseen.looks():
                if foreseen.is_over:
                    return
                _ask_once(look, foreseen)
    except LlmtraceError:
        pass  # the page meets it too, and says it
    except Exception:
        foreseen.chosen.set()  # it would fail again
        logger.exception("what may be looked at next could not be asked")


def _ask_once(look: Look, foreseen: _Foreseen) -> None:
    seen = look.view
    of = f"{place()} {look.page} {seen.scope} {seen.zone} {seen.now}"
    for number, each in enumerate(look.asks):
        name = f"{of} {number}"
        if name in _asked:
            continue
        _drawn.wait_for_none()
        if foreseen.is_over:
            return
        _asked[name] = None
        began_s = time.monotonic()
        # The page meets an error too, and says it.
        with suppress(LlmtraceError), before_each(_drawn.wait_for_none):
            each(seen)
        # Half of the time is left to who looks at something now.
        foreseen.chosen.wait(time.monotonic() - began_s)
    while len(_asked) > _REMEMBERED:
        del _asked[next(iter(_asked))]


def _ask(who: Viewer, question: Ask, shown: View) -> None:
    with acting_as(who), suppress(LlmtraceError):  # the page meets it too, and says it
        question(shown)


# One at a time: nobody waits for what is asked only in case it is chosen, nor for it to end.
Thread(target=_ask_foreseen, name="llmtrace-foresight", daemon=True).start()
