"""How a process ends decides what may be lost: only what is younger than a tenth of a second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.spool import is_owned, list_segments
from tests.instrument.recording import spans_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider

PREPARE = """
import os, signal, sys, threading, time
import llmtrace
llmtrace.instrument(home=sys.argv[1])
import openai
def connect():
    global client
    client = openai.OpenAI(base_url=sys.argv[2], api_key="any", max_retries=0)
connect()
# A forked process must not share its parent's connections.
os.register_at_fork(after_in_child=connect)
def ask(text):
    client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": text}])
"""


@pytest.fixture
def run(tmp_path: Path, provider: LocalProvider) -> Callable[[str], subprocess.Popen[str]]:
    """Start a Python process that does ``body`` after the common preparation."""

    def start(body: str) -> subprocess.Popen[str]:
        return subprocess.Popen(  # our own script
            [
                sys.executable,
                "-c",
                PREPARE + textwrap.dedent(body),
                str(tmp_path),
                provider.openai_url,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # On a busy machine the two seconds for an exit may be over before prices are loaded.
            env={**os.environ, "LLMTRACE_EXIT_FLUSH": "30"},
        )

    return start


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    """Wait for the process, check how it ended, return what it printed."""
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, "")
    return out


def asked(tmp_path: Path) -> list[str]:
    """Return what was asked by the recorded calls, sorted."""
    bodies = [span["attributes"]["llmtrace.request.body"] for span in spans_in(tmp_path / "spool")]
    return sorted(body.rpartition('"content":"')[2].partition('"')[0] for body in bodies)


def test_a_normal_end_writes_everything(run: Any, tmp_path: Path) -> None:
    finish(run("for n in range(20): ask(f'q{n:02}')"))

    assert asked(tmp_path) == [f"q{n:02}" for n in range(20)]


def test_an_uncaught_exception_writes_everything(run: Any, tmp_path: Path) -> None:
    process = run("ask('q'); raise SystemExit(3)")

    finish(process, code=3)
    assert asked(tmp_path) == ["q"]


def test_os_exit_loses_only_the_last_moments(run: Any, tmp_path: Path) -> None:
    finish(run("ask('q0'); llmtrace.flush(); ask('q1'); time.sleep(0.1); os._exit(0)"))

    assert asked(tmp_path) == ["q0", "q1"]


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_a_kill_loses_only_the_last_moments(run: Any, tmp_path: Path, name: str) -> None:
    # The first call of a process waits for the price data to be loaded, which takes longer.
    process = run("""
        ask('q0')
        llmtrace.flush()
        ask('q1')
        time.sleep(0.1)
        print('now', flush=True)
        time.sleep(60)
        """)
    assert process.stdout.readline() == "now\n"

    os.kill(process.pid, getattr(signal, name))

    finish(process, code=-getattr(signal, name))
    assert asked(tmp_path) == ["q0", "q1"]
    (segment,) = list_segments(tmp_path / "spool")
    assert not is_owned(segment)


def test_a_daemon_thread_in_the_middle_of_a_call_does_not_hold_up_the_end(
    run: Any, tmp_path: Path, provider: LocalProvider
) -> None:
    from llmtrace.testing.provider import Reply

    provider.enqueue(Reply(), Reply(delay_s=20))
    started = time.monotonic()
    finish(
        run("""
        ask('q1')
        threading.Thread(target=ask, args=('never',), daemon=True).start()
        time.sleep(0.1)
        """)
    )

    assert time.monotonic() - started < 15
    assert asked(tmp_path) == ["q1"]


def test_parent_and_forked_child_write_what_is_theirs_once(run: Any, tmp_path: Path) -> None:
    finish(
        run("""
        ask('before')
        pid = os.fork()
        if pid == 0:
            ask('child')
            sys.exit(0)
        ask('parent')
        assert os.waitpid(pid, 0)[1] == 0
        """)
    )

    assert asked(tmp_path) == ["before", "child", "parent"]
    ids = [span["span_id"] for span in spans_in(tmp_path / "spool")]
    pids = {span["resource"]["process.pid"] for span in spans_in(tmp_path / "spool")}
    assert len(set(ids)) == 3
    assert len(pids) == 2


def test_a_fork_while_calls_wait_does_not_write_them_twice(run: Any, tmp_path: Path) -> None:
    finish(
        run("""
        children = []
        for n in range(5):
            ask(f'parent {n}')
            pid = os.fork()
            if pid == 0:
                ask(f'child {n}')
                llmtrace.flush()
                os._exit(0)
            children.append(pid)
        assert not any(os.waitpid(pid, 0)[1] for pid in children)
        """)
    )

    assert asked(tmp_path) == sorted(f"{who} {n}" for n in range(5) for who in ("child", "parent"))


def test_prefork_workers_write_everything_and_a_killed_one_costs_only_its_last_moments(
    run: Any, tmp_path: Path
) -> None:
    finish(
        run("""
        workers = []
        for n in range(4):
            pid = os.fork()
            if pid == 0:
                for m in range(25):
                    ask(f'{n}-{m:02}')
                if n == 0:
                    llmtrace.flush()
                    os.kill(os.getpid(), signal.SIGKILL)
                sys.exit(0)
            workers.append(pid)
        statuses = [os.waitpid(pid, 0)[1] for pid in workers]
        assert statuses == [9, 0, 0, 0], statuses
        """)
    )

    assert asked(tmp_path) == [f"{n}-{m:02}" for n in range(4) for m in range(25)]


def test_a_forked_child_that_only_forks_again_writes_nothing(run: Any, tmp_path: Path) -> None:
    finish(
        run("""
        ask('q')
        if os.fork() == 0:
            os._exit(0)
        os.wait()
        """)
    )

    assert asked(tmp_path) == ["q"]


def test_a_multiprocessing_worker_is_recorded(run: Any, tmp_path: Path) -> None:
    finish(
        run("""
        import multiprocessing
        context = multiprocessing.get_context('fork')
        worker = context.Process(target=ask, args=('worker',))
        worker.start(); worker.join()
        assert worker.exitcode == 0
        ask('parent')
        """)
    )

    assert asked(tmp_path) == ["parent", "worker"]


def test_threads_of_all_kinds_are_recorded(run: Any, tmp_path: Path) -> None:
    finish(
        run("""
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, (f'q{n:02}' for n in range(40))))
        """)
    )

    assert asked(tmp_path) == [f"q{n:02}" for n in range(40)]


def test_a_call_at_exit_is_recorded(run: Any, tmp_path: Path) -> None:
    """Handlers registered after ``instrument()`` run before our flush."""
    finish(run("import atexit; atexit.register(ask, 'at exit')"))

    assert asked(tmp_path) == ["at exit"]
