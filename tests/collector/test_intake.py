"""Room for requests: what lies in memory counts, and everything is given back once."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.collector import Collector
from llmtrace.collector import intake as intake_module
from llmtrace.collector.intake import MAX_BYTES_IN_FLIGHT, Intake, OverloadedError
from llmtrace.config import load_settings
from tests.collector.clients import call, send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def intake() -> Intake:
    log: Any = None  # nothing is logged here
    return Intake(log)


def test_what_grows_beyond_the_room_there_is_is_refused_and_nothing_of_it_is_held(
    intake: Intake,
) -> None:
    first, second = intake.room(), intake.room()
    first.grow(MAX_BYTES_IN_FLIGHT - 10)
    second.grow(10)

    with pytest.raises(OverloadedError, match="too much is being received"):
        second.grow(1)

    first.close()
    second.grow(MAX_BYTES_IN_FLIGHT - 10)


def test_a_room_is_given_back_once(intake: Intake) -> None:
    room = intake.room()
    room.grow(MAX_BYTES_IN_FLIGHT)

    room.close()
    room.close()
    intake.room().grow(MAX_BYTES_IN_FLIGHT)

    with pytest.raises(OverloadedError):
        intake.room().grow(1)


def test_a_thread_that_goes_on_unpacking_for_a_client_that_is_gone_holds_nothing(
    intake: Intake,
) -> None:
    room = intake.room()
    room.close()

    room.grow(MAX_BYTES_IN_FLIGHT)

    intake.room().grow(MAX_BYTES_IN_FLIGHT)


def test_a_small_body_counts_with_what_it_stands_for_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "MAX_BYTES_IN_FLIGHT", 5_000)
    large = gzip.compress(request(span(1, {"text": "x" * 20_000})))
    with Collector(load_settings({}, home=tmp_path), port=0) as collector:
        refused = send(collector.url, large, Content_Encoding="gzip")
        logs = call(collector.url, "POST", "/v1/logs", b"x", Content_Type="text/plain")
        taken = [send(collector.url, request(span(n, {"t": "x" * 4_000}))).status for n in (1, 2)]

    assert len(large) < 1_000
    assert (refused.status, refused.headers["retry-after"]) == (503, "2")
    assert logs.status == 415
    assert taken == [200, 200]
