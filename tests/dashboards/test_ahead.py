"""What is asked ahead is asked as the viewer, holds nobody up, and fails for nobody."""

from __future__ import annotations

import math
import threading
import time
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
import streamlit as st

from dashboards import ahead as module
from dashboards import asking
from dashboards.access import Viewer, acting_as, viewer
from dashboards.address import Choice
from dashboards.ahead import Look, ahead, foresee
from dashboards.viewing import view
from llmtrace.clock import FixedClock
from llmtrace.errors import StoreUnreachableError
from llmtrace.store.metrics import MetricQuery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dashboards.ahead import Ask
    from dashboards.figures import View

ANN = Viewer(name="ann", tenants=frozenset({"acme"}))
BOB = Viewer(name="bob", tenants=frozenset({"umbrella"}))
SHOWN = view(Choice(), "UTC")
MODEL = view(Choice(filters={"model": ("gpt-5",)}), "UTC")


@pytest.fixture(autouse=True)
def nothing_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LLMTRACE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "_asked", {})
    monkeypatch.setattr(module, "_LOOKS_EVERY_S", 0.01)
    events: list[threading.Event] = []

    def event() -> threading.Event:
        events.append(threading.Event())
        return events[-1]

    monkeypatch.setattr(module, "Event", event)
    st.session_state.pop(module._FORESEEN, None)
    yield
    for each in events:
        each.set()


def foreseen() -> None:
    """Return when all is asked that was foreseen, and what will be shown of it next."""
    for _ in range(2):
        done = threading.Event()
        module._foreseen.put(
            module._Foreseen(who=ANN, looks=lambda done=done: done.set() or (), chosen=done,
                             until=math.inf)
        )  # fmt: skip
        assert done.wait(10)


def chosen() -> None:
    """Have the viewer choose something: nothing more is foreseen for what was looked at."""
    st.session_state.pop(module._FORESEEN).set()


def test_questions_are_asked_as_who_looks() -> None:
    asked: list[Viewer] = []
    done = threading.Event()

    def question(shown: View) -> None:
        assert shown is SHOWN
        asked.append(viewer())
        done.set()

    with acting_as(ANN), ahead([question], SHOWN):
        assert done.wait(10)

    assert asked == [ANN]


def test_a_question_that_fails_is_for_the_page_to_meet() -> None:
    reached = threading.Event()

    def fail(_: View) -> None:
        raise StoreUnreachableError("gone")

    def broken(_: View) -> None:
        raise ZeroDivisionError

    with acting_as(ANN), ahead([fail, broken, lambda _: reached.set()], SHOWN):
        assert reached.wait(10)


def test_what_has_not_begun_when_the_page_is_drawn_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_LEAVES_AFTER_S", 0.01)
    begun, go_on = threading.Semaphore(0), threading.Event()
    asked: list[str] = []

    def slow(_: View) -> None:
        begun.release()
        go_on.wait(10)

    late: Ask = lambda _: asked.append("late")  # noqa: E731  # its type
    with acting_as(ANN), ahead([*[slow] * module._AT_ONCE, late], SHOWN):
        for _ in range(module._AT_ONCE):
            assert begun.acquire(timeout=10)
    # Drawn: nobody waited for the slow ones.
    go_on.set()
    with acting_as(ANN), ahead([lambda _: asked.append("next")], SHOWN):
        while not asked:
            pass

    assert asked == ["next"]


def test_what_may_be_looked_at_next_is_asked_once_whoever_may_look_at_it() -> None:
    asked: list[tuple[str, View]] = []

    def ask(shown: View) -> None:
        asked.append((viewer().name, shown))

    look = Look(page="cost", asks=(ask, ask), view=SHOWN)
    other = Look(page="usage", asks=(ask,), view=MODEL)
    for who in (ANN, ANN, BOB):
        with acting_as(who):
            foresee(lambda: [look, other], for_s=60)
            foreseen()

    each = [SHOWN, SHOWN, MODEL]
    assert asked == [("ann", view) for view in each] + [("bob", view) for view in each]


def test_it_is_asked_again_before_the_range_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FixedClock(datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC))
    monkeypatch.setattr(asking, "SystemClock", lambda: clock)
    ends: SimpleQueue[datetime] = SimpleQueue()

    def look() -> list[Look]:
        return [Look(page="cost", asks=(lambda shown: ends.put(shown.scope.end),),
                     view=view(Choice(), "UTC"))]  # fmt: skip

    with acting_as(ANN):
        foresee(look, for_s=60)

    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert ends.get(timeout=10) == noon + timedelta(seconds=10)
    clock.set(noon + timedelta(seconds=4.9))
    foreseen()
    assert ends.empty()
    clock.set(noon + timedelta(seconds=5))
    assert ends.get(timeout=10) == noon + timedelta(seconds=20)
    clock.set(noon + timedelta(seconds=15))
    assert ends.get(timeout=10) == noon + timedelta(seconds=30)
    chosen()
    clock.set(noon + timedelta(seconds=25))
    foreseen()
    assert ends.empty()


def test_it_is_asked_again_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FixedClock(datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC))
    monkeypatch.setattr(asking, "SystemClock", lambda: clock)
    asked: list[View] = []

    with acting_as(ANN):
        foresee(lambda: [Look(page="cost", asks=(asked.append,), view=SHOWN)], for_s=0)
        foreseen()
        clock.set(clock.now() + timedelta(seconds=60))
        foreseen()

    assert asked == []


def test_half_of_the_time_is_left_to_who_looks_at_something() -> None:
    rested: list[float | None] = []

    class Chosen(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            rested.append(timeout)
            return False

    each = module._Foreseen(who=ANN, looks=list, chosen=Chosen(), until=math.inf)
    with acting_as(ANN):
        slow: Ask = lambda _: time.sleep(0.05)  # noqa: E731  # its type
        module._ask_once(Look(page="cost", asks=(slow,), view=SHOWN), each)

    (pause,) = rested
    assert pause is not None
    assert pause >= 0.05


def test_who_has_chosen_waits_for_nothing_that_was_only_foreseen() -> None:
    begun, go_on = threading.Event(), threading.Event()
    asked: list[str] = []

    def slow(_: View) -> None:
        asked.append("slow")
        begun.set()
        go_on.wait(10)

    late: Ask = lambda _: asked.append("late")  # noqa: E731  # its type
    with acting_as(ANN):
        foresee(lambda: [Look(page="cost", asks=(slow, late), view=SHOWN)], for_s=60)
        assert begun.wait(10)
        with ahead([], SHOWN):  # drawn again
            go_on.set()
            foreseen()
        assert asked == ["slow"]
        foresee(lambda: [Look(page="cost", asks=(slow, late), view=SHOWN)], for_s=60)
        foreseen()

    assert asked == ["slow", "late"]


def test_what_is_only_foreseen_is_asked_after_the_pages_that_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 60.0)
    query = MetricQuery(measures=("cost",), start=datetime(2026, 11, 1, tzinfo=UTC),
                        end=datetime(2026, 11, 2, tzinfo=UTC))  # fmt: skip
    asked: list[str] = []
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def answer(*_: object) -> list[dict[str, object]]:
        asked.append("a question")
        return []

    def two(_: View) -> None:
        asking.ask(query)
        begun.set()
        go_on.wait(10)
        asking.ask(query)
        done.set()

    monkeypatch.setattr(asking, "_answer", answer)
    monkeypatch.setattr(asking, "stamp", lambda *_: 0)
    with acting_as(ANN):
        foresee(lambda: [Look(page="cost", asks=(two,), view=SHOWN)], for_s=60)
        assert begun.wait(10)
        st.session_state.pop(module._FORESEEN)  # somebody else's page
        with ahead([], SHOWN):
            go_on.set()
            assert not done.wait(0.1)
            asked.append("the page")
        assert done.wait(10)
        asking.ask(query)  # of a page: at once

    assert asked == ["a question", "the page", "a question", "a question"]


def test_pages_that_never_end_hold_up_what_is_foreseen_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.01)
    done = threading.Event()

    with acting_as(ANN), ahead([], SHOWN):
        foresee(lambda: [Look(page="cost", asks=(lambda _: done.set(),), view=SHOWN)], for_s=60)
        assert done.wait(10)


def test_for_a_page_that_was_closed_nothing_is_foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"one"}
    monkeypatch.setattr(module, "_is_there", there.__contains__)
    foreseen = module._Foreseen(
        who=ANN, looks=list, chosen=threading.Event(), until=math.inf, session="one"
    )

    assert not foreseen.is_over
    there.clear()
    assert foreseen.is_over


def test_what_cannot_be_foreseen_keeps_nothing_else_from_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[View] = []

    def gone() -> list[Look]:
        raise StoreUnreachableError("gone")

    def broken() -> list[Look]:
        raise ZeroDivisionError

    def fail(_: View) -> None:
        raise StoreUnreachableError("gone")

    with acting_as(ANN):
        foresee(gone, for_s=60)
        foresee(broken, for_s=60)
        foresee(lambda: [Look(page="cost", asks=(fail, asked.append), view=SHOWN)], for_s=60)
        foreseen()

    assert asked == [SHOWN]
    assert [record.exc_info is not None for record in caplog.records
            if record.name == module.__name__] == [True]  # fmt: skip


def test_of_what_was_foreseen_the_latest_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)

    with acting_as(ANN):
        for number in range(5):
            foresee(
                lambda number=number: [Look(page=f"{number}", asks=(repr,), view=SHOWN)], for_s=60
            )
        foreseen()

    assert len(module._asked) == 3
    assert " 4 " in list(module._asked)[-1]
