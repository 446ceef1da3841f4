"""When a message is tried again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from llmtrace.alerts.delivery import Courier, configured, notifier_for, wait_s
from llmtrace.alerts.model import Receiver, SecretRef
from llmtrace.alerts.notify.file import FileNotifier, LogNotifier
from llmtrace.alerts.notify.slack import SlackNotifier
from llmtrace.alerts.secrets import resolve
from llmtrace.clock import FixedClock
from llmtrace.store.alert_rows import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENV = SecretRef(kind="env", name="LLMTRACE_TEST_SECRET")


@pytest.mark.parametrize(
    ("failures", "expected"), [(1, 5), (2, 15), (3, 60), (4, 300), (5, 900), (99, 900)]
)
def test_waits_grow_to_a_quarter_of_an_hour(failures: int, expected: float) -> None:
    assert wait_s(failures, jitter=0) == expected
    assert wait_s(failures, jitter=1) == pytest.approx(expected * 1.2)


def test_a_secret_comes_from_its_variable_or_file_and_shows_itself_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("https://x.example/token\n")
    monkeypatch.setenv(ENV.name, "https://x.example/token")

    found = [resolve(ENV), resolve(SecretRef(kind="file", name=str(tmp_path / "secret")))]

    assert [secret and secret.reveal() for secret in found] == ["https://x.example/token"] * 2
    assert "token" not in f"{found} {found[0]}"


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_variable_and_a_missing_file_are_no_secret(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV.name, value)

    assert resolve(ENV) is None
    assert resolve(SecretRef(kind="file", name=str(tmp_path / "none"))) is None


def test_each_type_of_receiver_has_its_notifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = Receiver(id="s", type="slack", url=ENV)
    monkeypatch.delenv(ENV.name, raising=False)
    without = notifier_for(slack, home=tmp_path)
    monkeypatch.setenv(ENV.name, "https://x.example/")

    assert without is None
    assert isinstance(notifier_for(slack, home=tmp_path), SlackNotifier)
    assert isinstance(notifier_for(Receiver(id="l", type="log"), home=tmp_path), LogNotifier)
    file = notifier_for(Receiver(id="f", type="file", path="a.jsonl"), home=tmp_path)
    assert isinstance(file, FileNotifier)


def test_receivers_without_their_secret_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV.name, raising=False)
    receivers = {
        "slack": Receiver(id="slack", type="slack", url=ENV),
        "log": Receiver(id="log", type="log"),
    }

    assert configured(receivers) == (["log"], ["slack"])


class _Outbox:
    """One message that cannot be read; remembers what became of it."""

    def __init__(self, payload: str) -> None:
        self.payload = payload
        self.status = "waiting"

    def due(self, now: datetime, *, except_for: Sequence[str] = (), limit: int = 100) -> tuple:
        if self.status != "waiting":
            return ()
        return (
            Delivery(
                delivery_id="d1",
                created_at=now,
                receiver="log",
                episode="e1",
                kind="firing",
                payload=self.payload,
                status="waiting",
                attempts=0,
                next_attempt_at=now,
            ),
        )

    def mark(self, delivery_id: str, status: str, **_: object) -> None:
        assert delivery_id == "d1"
        self.status = status


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"fired_at": 1}'])
def test_a_message_that_cannot_be_read_is_dead_and_holds_nothing_up(payload: str) -> None:
    outbox = _Outbox(payload)
    courier = Courier(
        cast("Any", outbox),
        lambda _: LogNotifier(),
        clock=FixedClock(datetime(2026, 11, 21, tzinfo=UTC)),
        jitter=lambda: 0.0,
    )

    courier.deliver()

    assert outbox.status == "dead"
