"""What is asked ahead is asked as the viewer, holds nobody up, and fails for nobody."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dashboards import ahead as module
from dashboards.access import Viewer, acting_as, viewer
from dashboards.ahead import ahead
from llmtrace.errors import StoreUnreachableError

if TYPE_CHECKING:
    import pytest

ANN = Viewer(name="ann", tenants=frozenset({"acme"}))


def test_questions_are_asked_as_who_looks() -> None:
    asked: list[Viewer] = []
    done = threading.Event()

    def question() -> None:
        asked.append(viewer())
        done.set()

    with acting_as(ANN), ahead([question]):
        assert done.wait(10)

    assert asked == [ANN]


def test_a_question_that_fails_is_for_the_page_to_meet() -> None:
    reached = threading.Event()

    def fail() -> None:
        raise StoreUnreachableError("gone")

    def broken() -> None:
        raise ZeroDivisionError

    with acting_as(ANN), ahead([fail, broken, reached.set]):
        assert reached.wait(10)


def test_what_has_not_begun_when_the_page_is_drawn_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_LEAVES_AFTER_S", 0.01)
    begun, go_on = threading.Semaphore(0), threading.Event()
    asked: list[str] = []

    def slow() -> None:
        begun.release()
        go_on.wait(10)

    with acting_as(ANN), ahead([*[slow] * module._AT_ONCE, lambda: asked.append("late")]):
        for _ in range(module._AT_ONCE):
            assert begun.acquire(timeout=10)
    # Drawn: nobody waited for the slow ones.
    go_on.set()
    with acting_as(ANN), ahead([lambda: asked.append("next")]):
        while not asked:
            pass

    assert asked == ["next"]
