"""When a message is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.alerts.delivery import configured, notifier_for, wait_s
from llmtrace.alerts.model import Receiver, SecretRef
from llmtrace.alerts.notify.file import FileNotifier, LogNotifier
from llmtrace.alerts.notify.slack import SlackNotifier
from llmtrace.alerts.secrets import resolve

if TYPE_CHECKING:
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
