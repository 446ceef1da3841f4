"""One forwarder: what it says of itself, and what it does while nobody takes spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.clock import SystemClock
from llmtrace.collector.disk import DiskGuard
from llmtrace.collector.exposition import exposition
from llmtrace.collector.forward import Forwarded, Forwarder
from llmtrace.collector.forward_figures import forward_families, forward_status
from llmtrace.collector.forward_targets import Target
from llmtrace.collector.forwarding import Forwarding
from llmtrace.config import load_settings
from llmtrace.otlp.post import Poster
from llmtrace.spool import SegmentWriter, list_segments
from llmtrace.spool.kept import Kept
from tests.collector.backends import Backend, says, wait_until
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as running:
        yield running


def forwarder(folder: Path, backend: Backend, allowed_bytes: int = 10**9) -> Forwarder:
    target = Target(name="b", url=backend.base_url, headers={})
    poster = Poster(target.url, {}, timeout_s=5)
    return Forwarder(target, Kept(folder, []), poster, allowed_bytes=lambda _waiting: allowed_bytes)


def a_segment(folder: Path, number: int, *, begun_ns: int | None = None) -> None:
    """Put a segment there all at once, as a stored one is: one without a frame would be removed."""
    at = number if begun_ns is None else begun_ns
    writer = SegmentWriter(folder / "made", now_ns=lambda: at, pid=1)
    writer.append(request(span(number)))
    writer.close()
    for path in list_segments(folder / "made"):
        path.rename(folder / path.name)


def test_what_waits_is_bounded_during_a_long_pause(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.collector.forward._LOOK_S", 0.02)
    backend.always = says(503, retry_after="3000")
    a_segment(tmp_path, 1)
    running = forwarder(tmp_path, backend, allowed_bytes=400)
    running.start()
    wait_until(lambda: running.figures().problem is not None, "it was refused")

    for number in range(2, 10):
        a_segment(tmp_path, number)
    wait_until(lambda: 0 < running.figures().waiting_bytes <= 400, "the oldest are dropped")
    running.stop(5)

    assert len(backend.requests) == 1
    assert running.figures().dropped["queue_full"] >= 7


def test_the_lag_is_the_age_of_what_waits(backend: Backend, tmp_path: Path) -> None:
    running = forwarder(tmp_path, backend)
    a_segment(tmp_path, 1, begun_ns=1_000_000_000)

    before = running.figures()
    running.start()
    wait_until(lambda: running.figures().sent == 1, "it is sent")
    wait_until(lambda: not list_segments(tmp_path), "it is gone")
    running.stop(5)

    assert before.lag_s > 1e9
    assert running.figures().lag_s == 0


def test_a_folder_that_cannot_be_read_is_a_problem_and_not_the_end(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.otlp.post.BACKOFF_S", (0.02,))
    (tmp_path / "folder").write_text("a file where the folder should be")
    running = forwarder(tmp_path / "folder", backend)
    running.start()
    wait_until(lambda: running._problem is not None, "it is told")

    (tmp_path / "folder").unlink()
    a_segment(tmp_path / "folder", 1)
    wait_until(lambda: backend.numbers == [1], "it arrived")
    running.stop(5)


def test_a_stop_does_not_wait_for_a_backend_that_does_not_answer(
    backend: Backend, tmp_path: Path
) -> None:
    backend.always = says(503)
    a_segment(tmp_path, 1)
    running = forwarder(tmp_path, backend)
    running.start()
    wait_until(lambda: running.figures().problem is not None, "it was refused")

    running.stop(5)

    assert len(backend.requests) == 1
    assert running.figures().waiting_bytes > 0


@pytest.mark.parametrize(
    ("free", "waiting", "allowed"),
    [
        (10**12, 10**6, 10**9),  # a large disk: what the setting says
        (100 * 10**6, 300 * 10**6, 200 * 10**6),  # a small one: half of what there is
        (0, 10**6, 16 * 2**20),  # none: what has only just come
    ],
)
def test_our_own_store_has_the_disk_first(
    tmp_path: Path, free: int, waiting: int, allowed: int
) -> None:
    disk = DiskGuard(tmp_path, min_free_bytes=0, free_bytes=lambda: free)
    whole = Forwarding(load_settings({}, home=tmp_path), disk=disk, clock=SystemClock())

    assert whole._allowed_bytes(waiting) == allowed


def test_figures_are_told_by_target_and_reason() -> None:
    figures = {
        "b": Forwarded(
            sent=5, dropped={"refused_400": 2}, waiting_bytes=9, lag_s=1.25, problem="HTTP 503"
        )
    }

    text = exposition(forward_families(figures))

    assert 'llmtrace_forward_spans_total{target="b"} 5' in text
    assert 'llmtrace_forward_dropped_spans_total{target="b",reason="refused_400"} 2' in text
    assert 'llmtrace_forward_waiting_bytes{target="b"} 9' in text
    assert 'llmtrace_forward_lag_seconds{target="b"} 1.25' in text
    assert 'llmtrace_forward_failing{target="b"} 1' in text
    assert forward_status(figures) == {
        "b": {
            "forwarded": 5,
            "dropped": {"refused_400": 2},
            "waiting_bytes": 9,
            "lag_s": 1.25,
            "error": "HTTP 503",
        }
    }


def test_without_targets_nothing_is_told() -> None:
    assert exposition(forward_families({})).strip() == ""
