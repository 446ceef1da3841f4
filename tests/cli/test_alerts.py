"""``llmtrace alerts``: exit codes and what is printed, over a real store and a local Slack."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from llmtrace.alerts.rules import read_rules
from llmtrace.alerts.runner import AlertRunner
from llmtrace.cli import run
from llmtrace.clock import FixedClock
from llmtrace.store import Writer
from llmtrace.testing.provider.script import Reply
from llmtrace.testing.provider.slack import SlackSink
from tests.alerts.building import START, a_failed_call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULES = """\
version: 1
defaults: {min_requests: 1, delay: 0s}
receivers:
  slack: {type: slack, url: "${env:LLMTRACE_SLACK_URL}"}
rules:
  - {id: errors, severity: critical, by: [user], when: {metric: error_rate, window: 5m, op: ">", value: 5%}}
"""  # noqa: E501  # one rule a line, as in the file

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def llmtrace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run the command line in an empty home: exit code, stdout, stderr."""
    monkeypatch.setenv("LLMTRACE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LLMTRACE_SLACK_URL", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run(["alerts", *arguments])
        told = capsys.readouterr()
        return int(str(ended.value.code)), told.out, told.err

    return call


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return str(path)


@pytest.fixture
def sink() -> Iterator[SlackSink]:
    with SlackSink() as server:
        yield server


@pytest.fixture
def firing(tmp_path: Path) -> None:
    """Fill the home with an alert that fires and whose message waits for its receiver."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    with Writer(home / "llmtrace.duckdb") as writer:
        writer.insert([a_failed_call(START, user_id="ada\x1b[31m")])
        clock = FixedClock(START.replace(minute=2))
        AlertRunner(read_rules({"r": RULES}), home=home, clock=clock).engine(writer).tick()


def test_check_accepts_the_shipped_rules_and_warns_of_the_missing_variable(llmtrace: Run) -> None:
    code, out, _ = llmtrace("check")

    assert code == 0
    assert out.splitlines()[0] == "2 rules ok"
    assert "receiver slack is not configured: ${env:LLMTRACE_SLACK_URL} is not set" in out


def test_check_tells_every_problem_and_exits_with_1(llmtrace: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(RULES.replace("severity: critical", "severity: page, forr: 1m"))

    code, out, err = llmtrace("check", str(path))

    assert code == 1
    assert out.splitlines() == [
        f'{path}:6: "severity" is "page"; write one of: info, warning, critical',
        f'{path}:6: unknown field "forr"; did you mean "for"?',
    ]
    assert err == "2 problems found\n"


def test_test_runs_the_shipped_rule_tests(llmtrace: Run) -> None:
    code, out, _ = llmtrace("test")

    assert code == 0
    assert out.startswith("ok: ")


def test_test_exits_with_1_when_an_expectation_is_not_met(
    llmtrace: Run, rules: str, tmp_path: Path
) -> None:
    path = tmp_path / "a_test.yaml"
    path.write_text(
        "version: 1\nrules: rules.yaml\nstart: 2026-03-02T12:00:00Z\ncalls: []\n"
        "expect: [{rule: errors, at: 1m, state: firing}]\n"
    )

    code, out, _ = llmtrace("test", str(path))

    assert code == 1
    assert f"{path}:5: errors at 1m should be firing, is inactive" in out


def test_list_of_an_empty_home_says_that_nothing_fires(llmtrace: Run) -> None:
    assert llmtrace("list") == (0, "", "no alert is pending or firing\n")


@pytest.mark.usefixtures("firing")
def test_list_shows_what_fires_and_what_was_not_delivered_and_exits_with_1(llmtrace: Run) -> None:
    code, out, err = llmtrace("list")

    assert code == 1
    assert out == (
        "firing     critical since 2026-03-02 12:02:00Z  "
        "Error rate 100 % (> 5 %) over 5 min · user ada[31m\n"
    )
    assert "undelivered: 2026-03-02 12:02:00Z  unconfigured firing   to slack" in err


@pytest.mark.usefixtures("firing")
def test_list_as_json_is_json(llmtrace: Run) -> None:
    code, out, _ = llmtrace("list", "--json")

    told = json.loads(out)
    assert code == 1
    assert told["alerts"][0]["since"] == "2026-03-02T12:02:00+00:00"
    assert told["alerts"][0]["value"] == "1"
    assert told["undelivered"][0]["payload"]["rule_id"] == "errors"


@pytest.mark.usefixtures("firing")
@pytest.mark.parametrize("subcommand", ["history", "deliveries"])
def test_history_and_deliveries_can_be_read_as_text_and_json(
    llmtrace: Run, subcommand: str
) -> None:
    code, out, _ = llmtrace(subcommand)
    _, as_json, _ = llmtrace(subcommand, "--json")

    assert code == 0
    assert "firing" in out
    assert "\x1b" not in out
    assert json.loads(as_json)[0]["kind"] == "firing"


def test_send_test_says_what_is_missing(llmtrace: Run, rules: str) -> None:
    code, out, _ = llmtrace("send-test", "slack", "--rules", rules)

    assert (code, out) == (1, "slack: not configured; set ${env:LLMTRACE_SLACK_URL}\n")


def test_send_test_sends_and_never_prints_the_url(
    llmtrace: Run, rules: str, sink: SlackSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_SLACK_URL", sink.url)

    sent = llmtrace("send-test", "slack", "--rules", rules)
    sink.enqueue(Reply(status=404))
    refused = llmtrace("send-test", "slack", "--rules", rules)

    assert sent == (0, "slack: sent\n", "")
    assert refused == (1, "slack: not sent: HTTP 404 no_service\n", "")
    assert len(sink.messages) == 1


def test_an_unknown_receiver_is_a_usage_error(llmtrace: Run, rules: str) -> None:
    code, _, err = llmtrace("send-test", "slak", "--rules", rules)

    assert code == 2
    assert 'no receiver is called "slak"; receivers: slack' in err


def test_a_report_is_checked_and_its_delivery_is_told(llmtrace: Run, tmp_path: Path) -> None:
    text = RULES.partition("rules:")[0] + "rules: []\nreports: [{id: daily, every: day}]\n"
    (tmp_path / "rules.yaml").write_text(text)
    (tmp_path / "home").mkdir()
    clock = FixedClock(START)
    with Writer(tmp_path / "home" / "llmtrace.duckdb", clock=clock) as writer:
        book = read_rules({"rules.yaml": text})
        engine = AlertRunner(book, home=tmp_path / "home", clock=clock).engine(writer)
        engine.tick()
        clock.set(START + timedelta(days=1))
        engine.tick()

    checked = llmtrace("check", str(tmp_path / "rules.yaml"))
    _, out, _ = llmtrace("deliveries")
    _, listed, undelivered = llmtrace("list")

    assert checked[0] == 0
    assert checked[1].startswith("0 rules, 1 report ok\n")
    assert (
        "unconfigured report   to slack, attempts 0 (the receiver is not configured): No calls"
        in out
    )
    assert (listed, "report   to slack" in undelivered) == ("", True)
