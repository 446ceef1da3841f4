"""The engine as a task of a real collector: live, in a thread, over HTTP to a local Slack."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from llmtrace.alerts import load_engine
from llmtrace.clock import SystemClock
from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.errors import StoreUnreachableError
from llmtrace.store import DATABASE_FILE, Writer, open_store
from llmtrace.store.alert_state import list_alerts, list_deliveries
from tests.alerts.building import SLACK_ENV, a_failed_call

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    import pytest

    from llmtrace.testing.provider.slack import SlackSink

RULES = f"""\
version: 1
defaults: {{every: 1s, delay: 0s, min_requests: 1}}
receivers:
  slack: {{type: slack, url: "${{env:{SLACK_ENV}}}"}}
rules:
  - id: errors
    severity: critical
    when: {{metric: error_rate, window: 1h, op: ">", value: 5%}}
"""


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def test_in_a_collector_an_alert_reaches_slack_and_a_restart_does_not_repeat_it(
    tmp_path: Path, sink: SlackSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SLACK_ENV, sink.url)
    (tmp_path / "rules.yaml").write_text(RULES)
    settings = load_settings({}, home=tmp_path / "home")
    engine = load_engine(tmp_path / "rules.yaml", settings)
    settings.home.mkdir(exist_ok=True)
    with Writer(settings.home / DATABASE_FILE) as writer:
        writer.insert([a_failed_call(SystemClock().now()) for _ in range(5)])

    with Collector(settings, port=0, tasks=(engine.run,)):
        wait_until(lambda: len(sink.messages) == 1)
        store = open_store(settings.home)
        wait_until(lambda: [row.status for row in list_deliveries(store, limit=9)] == ["sent"])
    first_tick = _last_tick(settings.home)
    with Collector(settings, port=0, tasks=(engine,)):
        store = open_store(settings.home)
        wait_until(lambda: list_alerts(store)[0].last_tick > first_tick)

    assert len(sink.messages) == 1


def _last_tick(home: Path) -> datetime:
    with open_store(home) as store:
        return list_alerts(store)[0].last_tick


def test_a_store_that_fails_for_a_while_does_not_end_the_engine(
    tmp_path: Path, sink: SlackSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SLACK_ENV, sink.url)
    (tmp_path / "rules.yaml").write_text(RULES)
    engine = load_engine(tmp_path / "rules.yaml", load_settings({}, home=tmp_path))
    stop, failures = threading.Event(), iter(range(3))
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.insert([a_failed_call(SystemClock().now()) for _ in range(5)])
        works = writer.transaction

        def transaction(work: object) -> object:
            if next(failures, None) is not None:
                raise StoreUnreachableError("the disk is full")
            return works(work)  # pyright: ignore[reportArgumentType]  # passed on as it came

        monkeypatch.setattr(writer, "transaction", transaction)
        thread = threading.Thread(target=engine.run, args=(writer, stop))
        thread.start()
        try:
            wait_until(lambda: len(sink.messages) == 1)
        finally:
            stop.set()
            thread.join(10)

        assert not thread.is_alive()
