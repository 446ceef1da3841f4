"""gevent: threads, locks and sleeps are replaced below us, perhaps after ``instrument()``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.instrument import scripts
from tests.instrument.recording import spans_in

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PATCH = "import gevent.monkey; gevent.monkey.patch_all()\n"
INSTRUMENT = "import sys, llmtrace; llmtrace.instrument(home=sys.argv[1])\n"

# The hub must go on while we write and wait: the ticker counts its turns.
WORK = """
import gevent
ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        gevent.sleep(0.01)
ticker = gevent.spawn(tick)
def work(name):
    with llmtrace.attribute(user=name), llmtrace.trace(name):
        for _ in range(4):
            ask()
            gevent.sleep(0.02)
jobs = [gevent.spawn(work, f"u{n}") for n in range(50)]
gevent.joinall(jobs, raise_error=True)
assert llmtrace.flush(10)
before = ticks
gevent.sleep(0.3)
assert ticks - before > 10, ticks - before
work("last")
"""

ORDERS = {
    "patched first": PATCH + INSTRUMENT,
    "instrumented first": INSTRUMENT + PATCH,
}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Python that has gevent."""
    found = scripts.overlay(tmp_path_factory.mktemp("gevent"), ["gevent>=24"])
    if found is None:
        pytest.skip("gevent cannot be installed here")
    return found


def check(home: Path, more_calls: int = 0) -> None:
    """Check that each greenlet's calls lie below its own step."""
    spans = spans_in(home / "spool")
    steps = {s["span_id"]: s["name"] for s in spans if s["kind"] == "internal"}
    calls = [s for s in spans if s["kind"] == "client" and s["parent_span_id"]]
    assert sorted(steps.values()) == sorted([*(f"u{n}" for n in range(50)), "last"])
    assert len(calls) == 51 * 4
    assert len(spans) == 51 * 5 + more_calls
    assert all(steps[s["parent_span_id"]] == s["attributes"]["user.id"] for s in calls)


@pytest.mark.parametrize("order", ["patched first", "instrumented first"])
def test_greenlets_are_recorded_whatever_is_patched_first(
    order: str, python: str, tmp_path: Path
) -> None:
    before = ORDERS[order]

    scripts.finish(scripts.start(WORK, tmp_path, before=before, python=python))

    check(tmp_path)


def test_a_forked_worker_that_patches_itself_is_recorded(python: str, tmp_path: Path) -> None:
    """As gunicorn's gevent workers do."""
    body = f"""
llmtrace.instrument(home=sys.argv[1])
ask()
pid = os.fork()
if pid:
    assert os.waitpid(pid, 0)[1] == 0
    sys.exit()
import warnings; warnings.simplefilter("ignore")  # gevent would like to be first
{PATCH}
{WORK}
"""

    scripts.finish(scripts.start(body, tmp_path, python=python))

    check(tmp_path, more_calls=1)


def test_greenlets_with_an_endpoint_that_is_down_do_not_stop(python: str, tmp_path: Path) -> None:
    body = WORK.replace("assert llmtrace.flush(10)", "assert not llmtrace.flush(0.5)")
    before = PATCH + INSTRUMENT.replace(")\n", ", endpoint='http://127.0.0.1:9')\n")

    scripts.finish(scripts.start(body, tmp_path, before=before, python=python))

    (outbox,) = (tmp_path / "outbox").iterdir()
    assert len(spans_in(outbox)) == 51 * 5
