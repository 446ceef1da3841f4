"""A disk that is full, and has room again; and one that cannot be written to: real ones.

In a mount namespace of its own; skipped where the system does not let a user make one.
``tests/collector/test_disk.py`` holds the watermark, which comes before this, everywhere.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.architecture.sources import REPOSITORY
from tests.faults.doors import Said

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "--kill-child"]
MOUNT = 'mount -t tmpfs -o size=64m tmpfs "$1" && exec "$2" -m tests.faults.small_disk "$1" "$3"'


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Return a folder where ``on`` may mount a disk; skip the test where it may not."""
    is_allowed = shutil.which("unshare") and subprocess.run(
        [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)],
        capture_output=True, timeout=30, check=False,
    ).returncode == 0  # fmt: skip
    if not is_allowed:
        pytest.skip("this system lets a user mount no tmpfs in a namespace of their own")
    return tmp_path


def on(disk: Path, what: str) -> dict[str, Any]:
    """Do something on a disk of 64 MB and return what is told of it."""
    done = subprocess.run(
        [*NAMESPACE, "sh", "-c", MOUNT, "sh", str(disk), sys.executable, what],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_full_disk_says_try_again_and_recovers_by_itself_with_every_acked_span_once(
    disk: Path,
) -> None:
    # when: the disk is full, has room again, is full again when the collector ends, and so on
    told = on(disk, "full")

    # then: who sends is told to try again, and who reads can read
    found = told["went on"]
    by_http, by_grpc = Said(*found["http"]), Said(*found["grpc"])
    assert (by_http.status, by_http.retry_after) == ("503", "2")
    assert "No space left on device; free space on that disk" in by_http.words
    assert by_grpc.status == "UNAVAILABLE"
    assert by_grpc.retry_after == "RetryInfo"
    assert (found["healthz"], found["readable"]) == (200, True)

    # and then: with room it goes on by itself, and all that was acknowledged is there once
    assert (found["took again"], found["stored again"]) == (True, True)
    assert found["stored"] == [found["acked"]] == [found["reopened"]]
    assert found["acked"] > 100

    # and: what waited for space is no dead letter; the refusals are counted
    figures = found["figures"]
    assert figures["llmtrace_spans_dropped_total{dead_letter}"] == 0
    assert figures["llmtrace_dead_letter_files"] == 0
    assert figures["llmtrace_spans_stored_total"] == found["acked"]
    assert figures["llmtrace_requests_refused_total{503}"] >= 1
    assert figures["llmtrace_requests_refused_total{UNAVAILABLE}"] >= 1
    assert figures["llmtrace_drain_failing"] == 0

    # and: a collector that ended on a full disk leaves all of it to the next one
    found = told["ended"]
    assert found["became full"]
    assert found["while full"] in {"again", "taken"} or "space" in found["while full"]
    assert found["stored"] == [found["acked"]]


def test_a_read_only_disk_is_named_with_what_to_do(disk: Path) -> None:
    told = on(disk, "read-only")

    for who in ("collector", "reader", "app"):
        assert "Read-only file system" in told[who]
        assert "set LLMTRACE_HOME to a" in told[who]
