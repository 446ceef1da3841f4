"""Worker processes of every kind: each call is stored once, whatever becomes of its worker.

As gunicorn does with ``preload_app``: ``instrument()`` and the client come before the forks.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from llmtrace.store import open_store
from tests.instrument import scripts
from tests.instrument.recording import spans_in

if TYPE_CHECKING:
    from pathlib import Path

WORKERS = 8
CALLS = 1_000
FLUSH_S = 0.05
MAY_BE_LOST_S = 2 * FLUSH_S
"""Younger calls of a killed process may be lost; half of it is the flush interval's."""

# A ledger line is one write() of one finished call: it outlives whatever kills the worker.
PREFORK = """
home, workers, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
llmtrace.instrument(home=home, service_name="prefork")
def tell(ledger, text):
    ask(text)
    os.write(ledger, f"{time.monotonic_ns()} {text}\\n".encode())
def open_ledger(name):
    return os.open(f"{home}/{name}.ledger", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
def tick(ledger):
    while True:
        os.write(ledger, f"{time.monotonic_ns()} tick\\n".encode())
        time.sleep(0.05)
def work(number):
    ledger = open_ledger(f"w{number}")
    if number < 3:
        threading.Thread(target=tick, args=(open_ledger(f"ticks-w{number}"),), daemon=True).start()
    with llmtrace.attribute(user=f"w{number}"):
        for n in range(calls):
            tell(ledger, f"w{number}-{n}")
            time.sleep(0.002)  # an LLM call is waited for, and lets other threads run
            if number == 2 and n == calls * 3 // 5:
                os.write(open_ledger("ended-w2"), b"%d" % time.monotonic_ns())
                os._exit(7)
def written(number):
    try:
        with open(f"{home}/w{number}.ledger") as ledger:
            return sum(1 for _ in ledger)
    except FileNotFoundError:
        return 0
parent = open_ledger("parent")
for n in range(5):
    tell(parent, f"parent-{n}")
llmtrace.flush()  # an app that runs has its prices read
pids = {}
for number in range(workers):
    pid = os.fork()
    if pid == 0:
        work(number)
        sys.exit(0)
    pids[number] = pid
for number, kind, share in ((0, signal.SIGKILL, 0.4), (1, signal.SIGTERM, 0.5)):
    while written(number) < calls * share:
        time.sleep(0.001)
    os.write(open_ledger(f"ended-w{number}"), b"%d" % time.monotonic_ns())
    os.kill(pids[number], kind)
for n in range(5, 10):
    tell(parent, f"parent-{n}")
ends = [os.waitstatus_to_exitcode(os.waitpid(pids[n], 0)[1]) for n in sorted(pids)]
print(json.dumps(ends))
"""


def ledger(home: Path, who: str) -> dict[str, int]:
    """Return text → end in monotonic ns, of every call that ``who`` finished."""
    lines = (home / f"{who}.ledger").read_text().splitlines()
    return {text: int(end) for end, _, text in (line.partition(" ") for line in lines)}


def stored(home: Path) -> Counter[str]:
    """Return how often each call is in the store, by what was asked."""
    query = "select user_id, request_body from llm_calls_full"
    with open_store(home) as store:
        rows = store.sql(query, max_rows=None).to_pylist()
    counts: Counter[str] = Counter()
    for row in rows:
        text = json.loads(row["request_body"])["messages"][0]["content"]
        assert row["user_id"] == (None if text.startswith("parent") else text.partition("-")[0])
        counts[text] += 1
    return counts


def late_s(home: Path, who: str, end: int) -> float:
    """Return by how much a busy machine let a thread of that process oversleep near its end.

    The thread sleeps as long as the one that writes: what one was kept from, so was the other.
    """
    lines = (home / f"ticks-{who}.ledger").read_text().splitlines()
    ticks = [int(line.partition(" ")[0]) for line in lines]
    moments = [*(tick for tick in ticks if end - 1_000_000_000 < tick < end), end]
    return max(0.0, max(b - a for a, b in pairwise(moments)) / 1e9 - FLUSH_S)


def test_prefork_stores_every_call_once_but_the_last_moments_of_killed_workers(
    tmp_path: Path,
) -> None:
    # when: eight workers, one SIGKILLed, one SIGTERMed, one that leaves by os._exit
    out = scripts.finish(scripts.start(PREFORK, tmp_path, WORKERS, CALLS))

    # then: they ended as meant
    assert json.loads(out) == [-9, -15, 7, *[0] * (WORKERS - 3)]
    # then: nothing is written twice, and no id is used twice
    ids = Counter(span["span_id"] for span in spans_in(tmp_path / "spool"))
    assert set(ids.values()) == {1}
    # then: every call that had the time is stored, once
    finished: dict[str, int] = ledger(tmp_path, "parent")
    for number in range(WORKERS):
        finished |= ledger(tmp_path, f"w{number}")
    counts = stored(tmp_path)
    assert set(counts.values()) == {1}
    ended = {
        f"w{number}": int((tmp_path / f"ended-w{number}.ledger").read_text()) for number in range(3)
    }
    lost = finished.keys() - counts.keys()
    may_be_lost_s = {who: MAY_BE_LOST_S + late_s(tmp_path, who, end) for who, end in ended.items()}
    ages_s = {text: (ended[text.partition("-")[0]] - finished[text]) / 1e9 for text in lost}
    assert not {t: age for t, age in ages_s.items() if age > may_be_lost_s[t.partition("-")[0]]}
    assert len(ledger(tmp_path, "w7")) == CALLS


def users(home: Path) -> list[str]:
    """Return the user of every recorded call, sorted."""
    return sorted(span["attributes"]["user.id"] for span in spans_in(home / "spool"))


FUNCTIONS = """
def work(number):
    with llmtrace.attribute(user=f"u{number:02}"):
        ask()
    return os.getpid()
def pools(kind):
    import concurrent.futures, multiprocessing
    context = multiprocessing.get_context(kind)
    work(0)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert os.getpid() not in set(pool.map(work, range(1, 21)))
    with context.Pool(2) as pool:
        pool.map(work, range(21, 31))
        pool.close()
        pool.join()
"""


def test_pools_of_forked_processes_record_every_call(tmp_path: Path) -> None:
    body = f"llmtrace.instrument(home=sys.argv[1])\n{FUNCTIONS}\npools('fork')"

    scripts.finish(scripts.start(body, tmp_path))

    assert users(tmp_path) == [f"u{number:02}" for number in range(31)]


@pytest.mark.parametrize("kind", ["spawn", "forkserver"])
def test_pools_of_fresh_processes_record_every_call(tmp_path: Path, kind: str) -> None:
    """They import the app's main module anew, and so call ``instrument()`` themselves."""
    app = tmp_path / "app.py"
    app.write_text(
        f"{scripts.APP}\nllmtrace.instrument(home={str(tmp_path)!r})\n{FUNCTIONS}\n"
        f"if __name__ == '__main__':\n    pools({kind!r})\n"
    )

    scripts.finish(scripts.start_file(app))

    assert users(tmp_path) == [f"u{number:02}" for number in range(31)]


def test_a_childs_spans_carry_its_own_process_id(tmp_path: Path) -> None:
    # given: a parent that has told of its process before it forks
    body = """
    llmtrace.instrument(home=sys.argv[1])
    ask("parent")
    llmtrace.flush()
    child = os.fork()
    if child == 0:
        ask("child")
        sys.exit(0)
    os.waitpid(child, 0)
    print(json.dumps([os.getpid(), child]))
    """

    # when
    parent, child = json.loads(scripts.finish(scripts.start(body, tmp_path)))

    # then
    query = "select distinct attributes['process.pid'] as pid from resources"
    with open_store(tmp_path) as store:
        pids = {int(row["pid"]) for row in store.sql(query).to_pylist()}
    assert pids == {parent, child}
