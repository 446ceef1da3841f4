"""The store's lock: one holder, named; free again when its process is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import StoreLockedError, StoreUnreachableError
from llmtrace.store import StoreLock

if TYPE_CHECKING:
    from pathlib import Path


def test_a_free_lock_is_taken_and_tells_by_whom(tmp_path: Path) -> None:
    lock = StoreLock(tmp_path)

    assert lock.try_acquire("reader")
    assert lock.holder() == (os.getpid(), "reader")


def test_a_home_that_does_not_exist_is_made_for_this_user_alone(tmp_path: Path) -> None:
    StoreLock(tmp_path / "a" / "home").try_acquire("reader")

    assert (tmp_path / "a" / "home").stat().st_mode & 0o777 == 0o700


def test_a_held_lock_is_refused_naming_the_holder_and_what_to_do(tmp_path: Path) -> None:
    StoreLock(tmp_path).try_acquire("dashboard")
    held = StoreLock(tmp_path)
    held.try_acquire("dashboard")

    with pytest.raises(
        StoreLockedError, match=rf"process {os.getpid()} \(dashboard\).*wait for it or stop it"
    ):
        StoreLock(tmp_path).acquire("reader", timeout_s=0.1)
    held.release()


def test_a_released_lock_can_be_taken(tmp_path: Path) -> None:
    first, second = StoreLock(tmp_path), StoreLock(tmp_path)
    first.try_acquire("a")

    refused = second.try_acquire("b")
    first.release()

    assert not refused
    assert second.try_acquire("b")
    assert second.holder()[1] == "b"


def test_who_waits_may_give_up(tmp_path: Path) -> None:
    held = StoreLock(tmp_path)
    held.try_acquire("collector")

    assert not StoreLock(tmp_path).acquire("reader", timeout_s=60, give_up=lambda: True)
    held.release()


HOLD = """
import pathlib, sys, time
from llmtrace.store import StoreLock
lock = StoreLock(pathlib.Path(sys.argv[1]))
assert lock.try_acquire("collector")
print("held", flush=True)
time.sleep(60)
"""


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    lock = StoreLock(tmp_path)
    while_alive = lock.try_acquire("reader")

    child.send_signal(signal.SIGKILL)
    child.wait(10)

    assert not while_alive
    assert lock.acquire("reader", timeout_s=5)
    child.stdout.close()


def test_waiting_ends_when_the_holder_lets_go(tmp_path: Path) -> None:
    held = StoreLock(tmp_path)
    held.try_acquire("reader")
    asked: list[float] = []

    def let_go_at_the_third_look() -> bool:
        asked.append(time.monotonic())
        if len(asked) == 3:
            held.release()
        return False

    assert StoreLock(tmp_path).acquire("b", timeout_s=30, give_up=let_go_at_the_third_look)


def test_a_home_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreUnreachableError, match=r"cannot write .*store\.lock: .*LLMTRACE_HOME"):
        StoreLock(tmp_path / "file").try_acquire("reader")
