"""What is asked ahead is asked as the viewer, holds nobody up, and fails for nobody."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import streamlit as st

from dashboards import ahead as module
from dashboards.access import Viewer, acting_as, viewer
from dashboards.address import Choice
from dashboards.ahead import Look, ahead, foresee
from dashboards.viewing import view
from llmtrace.errors import StoreUnreachableError

if TYPE_CHECKING:
    from pathlib import Path

    from dashboards.ahead import Ask
    from dashboards.figures import View

ANN = Viewer(name="ann", tenants=frozenset({"acme"}))
BOB = Viewer(name="bob", tenants=frozenset({"umbrella"}))
SHOWN = view(Choice(), "UTC")
MODEL = view(Choice(filters={"model": ("gpt-5",)}), "UTC")


@pytest.fixture(autouse=True)
def nothing_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMTRACE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "_asked", {})
    st.session_state.pop(module._FORESEEN, None)


def foreseen() -> None:
    """Return when all is asked that was foreseen."""
    done = threading.Event()
    module._foreseen.put(module._Foreseen(ANN, lambda: done.set() or (), threading.Event()))
    assert done.wait(10)


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
            foresee(lambda: [look, other])
            foreseen()

    each = [SHOWN, SHOWN, MODEL]
    assert asked == [("ann", view) for view in each] + [("bob", view) for view in each]


def test_who_has_chosen_waits_for_nothing_that_was_only_foreseen() -> None:
    begun, go_on = threading.Event(), threading.Event()
    asked: list[str] = []

    def slow(_: View) -> None:
        asked.append("slow")
        begun.set()
        go_on.wait(10)

    late: Ask = lambda _: asked.append("late")  # noqa: E731  # its type
    with acting_as(ANN):
        foresee(lambda: [Look(page="cost", asks=(slow, late), view=SHOWN)])
        assert begun.wait(10)
        with ahead([], SHOWN):  # drawn again
            go_on.set()
            foreseen()
        assert asked == ["slow"]
        foresee(lambda: [Look(page="cost", asks=(slow, late), view=SHOWN)])
        foreseen()

    assert asked == ["slow", "late"]


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
        foresee(gone)
        foresee(broken)
        foresee(lambda: [Look(page="cost", asks=(fail, asked.append), view=SHOWN)])
        foreseen()

    assert asked == [SHOWN]
    assert [record.exc_info is not None for record in caplog.records
            if record.name == module.__name__] == [True]  # fmt: skip


def test_of_what_was_foreseen_the_latest_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)

    with acting_as(ANN):
        for number in range(5):
            foresee(lambda number=number: [Look(page=f"{number}", asks=(repr,), view=SHOWN)])
        foreseen()

    assert len(module._asked) == 3
    assert " 4 0 " in list(module._asked)[-1]
