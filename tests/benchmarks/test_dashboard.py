"""The dashboard's benchmark: a store that goes on, viewers on the real server, what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import dashboard
from benchmarks.measuring import many_calls
from benchmarks.measuring.many_calls import home_with_calls
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.rollups import differences

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[2]
CALLS, DAYS = 400, 2.0


def test_a_kept_store_is_made_once_and_goes_on_until_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: made an hour ago
    kept, first, second = (tmp_path / name for name in ("kept", "first", "second"))
    for home in (first, second):
        home.mkdir()
    now = datetime.now(UTC)
    monkeypatch.setattr(many_calls, "_now", lambda: now - timedelta(hours=1))
    home_with_calls(first, calls=CALLS, days=DAYS, kept=kept)

    # when
    monkeypatch.setattr(many_calls, "_now", lambda: now)
    home_with_calls(second, calls=CALLS, days=DAYS, kept=kept)

    # then: one call every 7.2 minutes, the first at the very end of what there was
    assert _calls(first) == CALLS
    assert _calls(second) == CALLS + 9
    with Writer(second / DATABASE_FILE) as store:
        assert store.transaction(differences) == 0
        (row,) = store.sql("select max(start_time) as newest from spans").to_pylist()
    assert timedelta() <= now.replace(tzinfo=None) - row["newest"] < timedelta(minutes=7.2)


def test_viewers_open_pages_and_act_while_spans_arrive(tmp_path: Path) -> None:
    options = ["--calls", "2000", "--viewers", "2", "--seconds", "1.5", "--arriving", "1000"]

    done = subprocess.run(
        [sys.executable, "benchmarks/dashboard.py", *options, "--pace", "0.3", "--no-browser",
         "--json"],
        cwd=ROOT, capture_output=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(done.stdout)
    assert report["actions"]["open a page"]["count"] == 2
    assert sum(each["count"] for each in report["actions"].values()) > 3
    assert report["wrong"] == {}
    assert report["spans_sent"] >= 500
    assert {"up", "collector", "dashboard"} <= set(report["rss_in_the_end"])
    names = [target["name"] for target in report["targets"]]
    memory, summed = report["targets"][1:]
    assert names == ["2 viewers, p95", "resident memory, at most", summed["name"]]
    # At least what all processes have of the same libraries.
    assert 0 < report["pss_max_mb"] < report["rss_max_mb"]
    assert memory["measured"] != summed["measured"]


def test_targets_are_held_against_the_worst_that_counts() -> None:
    times = {"count": 20, "p50_ms": 90.0, "p95_ms": 299.9, "max_ms": 2_000.0}
    report: dict[str, Any] = {
        "all_clicks": times, "cold_ms": 2_500.0, "viewers": 20, "all_actions": times,
        "pss_max_mb": 650.0, "rss_max_mb": 720.0,
        "pages": {"Alerts": {"first_ms": None, "first_done_ms": 700.0},
                  "Cost": {"first_ms": 900.0, "first_done_ms": 9_000.0}},
    }  # fmt: skip

    held = {each.name: (each.measured, each.is_reached) for each in dashboard.targets(report)}

    assert held == {
        "click → new numbers, p95": ("300 ms", True),
        "first paint, cold": ("2,500 ms", False),
        "first paint, the slowest page": ("900 ms", True),
        "20 viewers, p95": ("300 ms", True),
        "resident memory, at most": ("650 MB", True),
        "the same, shared pages in each process": ("720 MB", False),
    }


def test_percentiles_are_values_that_occurred() -> None:
    times = dashboard.Times.of([float(value) for value in range(1, 21)])

    assert (times.p50_ms, times.p95_ms, times.max_ms, times.count) == (10.0, 19.0, 20.0, 20)
    assert dashboard.Times.of([7.0]).p95_ms == 7.0


def _calls(home: Path) -> int:
    with Writer(home / DATABASE_FILE) as store:
        (row,) = store.sql("select count(*) as calls from llm_calls").to_pylist()
    return row["calls"]
