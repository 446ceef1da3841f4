"""The supervisor with small real processes: order, prefixes, restarts, giving up, the end."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from llmtrace.cli.up.restarts import Restarts
from llmtrace.cli.up.supervisor import Child, Supervisor

if TYPE_CHECKING:
    from pathlib import Path

FAST = Restarts(delays_s=(0.05, 0.1))
WAITS = "import sys, signal; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()"


def a_child(name: str, code: str, **named: object) -> Child:
    command = [sys.executable, "-u", "-c", code]
    return Child(name=name, command=command, restarts=FAST, **named)  # type: ignore[arg-type]


def run(*children: Child, until: str = "") -> tuple[int, list[tuple[str, str]]]:
    stopping = threading.Event()
    said: list[tuple[str, str]] = []

    def say(name: str, line: str) -> None:
        said.append((name, line))
        if until and until in line:
            stopping.set()

    return Supervisor(children, say=say).run(stopping), said


def test_lines_come_with_the_name_of_who_wrote_them() -> None:
    code, said = run(a_child("a", f"print('hello'); {WAITS}"), until="hello")

    assert code == 0
    assert ("a", "hello") in said


def test_who_ends_is_started_again_and_who_keeps_ending_is_given_up() -> None:
    code, said = run(a_child("a", "raise SystemExit(7)"))

    starts = [line for _, line in said if line.startswith("a started")]
    assert code == 1
    assert len(starts) == 1 + len(FAST.delays_s)
    assert "ended with exit code 7 and is not started again" in said[-1][1]


def test_who_was_called_wrongly_is_given_up_at_once_with_its_code() -> None:
    code, said = run(a_child("a", "raise SystemExit(2)"))

    assert code == 2
    assert len([line for _, line in said if line.startswith("a started")]) == 1


def test_when_one_is_given_up_the_others_are_ended_in_order(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    tidy = (
        "import sys, signal, pathlib\n"
        f"signal.signal(15, lambda *_: sys.exit(pathlib.Path({str(ended)!r}).write_text('x') * 0))"
        "\nprint('ready')\nsignal.pause()"
    )

    ready = threading.Event()
    first = a_child("first", tidy, is_ready=lambda _: ready.is_set())
    stopping = threading.Event()

    def say(_: str, line: str) -> None:
        if line == "ready":
            ready.set()

    code = Supervisor([first, a_child("second", "raise SystemExit(2)")], say=say).run(stopping)

    assert code == 2
    assert ended.read_text() == "x"


def test_the_next_is_started_when_the_one_before_works() -> None:
    seen: list[int] = []

    def is_ready(pid: int) -> bool:
        seen.append(pid)
        return len(seen) > 3

    _, said = run(
        a_child("first", WAITS, is_ready=is_ready),
        a_child("second", f"print('up'); {WAITS}"),
        until="up",
    )

    assert len(seen) > 3
    assert [line.split(" as ")[0] for name, line in said if name == "up"][:2] == [
        "first started",
        "second started",
    ]
