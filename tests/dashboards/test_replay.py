"""Replay & compare: the plan is the command's, money is spent where it is allowed, and once."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from dashboards import data_replay
from dashboards.access import Viewer
from dashboards.replay_runs import MAX_RUNNING, Run, Runs
from llmtrace.cli.replay import command
from llmtrace.errors import ReplayError
from llmtrace.replay.compare import Comparison, Side, compare
from llmtrace.store import open_store
from llmtrace.testing.provider import Answer, LocalProvider, Reply
from tests.dashboards.opening import as_markdown, column, metrics, open_page, texts
from tests.dashboards.seeding import fill
from tests.dashboards.test_overview import HOSTILE
from tests.replay.rows import CHAT
from tests.store.calls import call, minutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from llmtrace.otlp.rows import SpanRow

SPAN = 0xABCDEF0123456789
SPAN_ID = f"{SPAN:016x}"


def answered(text: str) -> str:
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


def chat(at: datetime, **columns: Any) -> SpanRow:
    settings: dict[str, Any] = {
        "span_id": SPAN, "api": "openai.chat", "request_model": "gpt-4o-mini",
        "request_body": json.dumps(CHAT), "response_body": answered("Because of the air."),
        "input_tokens": 1_000, "output_tokens": 50, "finish_reasons": ["stop"], **columns,
    }  # fmt: skip
    return call(at, **settings)


def recently() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=3)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    fill(
        tmp_path, [chat(recently(), tenant="acme"), call(recently() - minutes(5), tenant="globex")]
    )
    return tmp_path


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalProvider]:
    with LocalProvider() as running:
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        monkeypatch.setenv("OPENAI_BASE_URL", running.openai_url)
        monkeypatch.setenv("LLMTRACE_DASHBOARD_REPLAY", "true")
        yield running


def opened(home: Path, patch: pytest.MonkeyPatch, **query: str) -> AppTest:
    app = open_page(home, patch, "replay", {"call": SPAN_ID, **query})
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()


def settled(app: AppTest) -> AppTest:
    """Run the page until no replay is under way, as its fragment does in a browser."""
    until = time.monotonic() + 30
    while "Waiting for the answer" in texts(app):
        assert time.monotonic() < until
        app.run()
    assert not app.exception
    return app


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_the_latest_calls_are_listed_and_one_is_found_by_its_first_digits(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(home, monkeypatch, "replay")

    assert not app.exception
    assert column(app, "Span")[0] == SPAN_ID
    assert len(column(app, "Span")) == 2

    app.text_input[0].set_value(SPAN_ID[:6])
    press(app, "Open")

    assert app.query_params["call"] in (SPAN_ID[:6], [SPAN_ID[:6]])
    assert f"span {SPAN_ID}" in texts(app)

    app.text_input(key="as").set_value("gpt-4o").run()
    press(app, "Another call")

    assert not app.exception
    assert len(column(app, "Span")) == 2
    assert "call" not in app.query_params
    assert "as" not in app.query_params


def test_an_empty_store_and_an_unknown_call_say_so(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = open_page(tmp_path_factory.mktemp("empty"), monkeypatch, "replay")
    unknown = open_page(home, monkeypatch, "replay", {"call": "0123456789abcdef"})

    assert empty.subheader[0].value == "Waiting for the first call"
    assert unknown.subheader[0].value == "No such call"
    assert "no LLM call has the span id 0123456789abcdef" in texts(unknown)
    assert not unknown.exception


def test_the_plan_is_the_commands_dry_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(home, monkeypatch, **{"as": "gpt-4o", "set": "temperature=0\nuser=ann"})

    options = ["--model", "gpt-4o", "--set", "temperature=0", "--set", "user=ann"]
    arguments = [SPAN_ID, "--home", str(home), "--dry-run", *options]
    dry_run = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert "about $0.003" in dry_run.stdout
    assert f"{app.code[0].value}\n{app.code[1].value}\n" == dry_run.stdout


def test_sending_is_off_unless_somebody_allows_it_and_the_command_is_shown(
    home: Path, provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLMTRACE_DASHBOARD_REPLAY")
    app = opened(home, monkeypatch, **{"as": "gpt-4o", "set": "temperature=0"})

    assert "Send" not in labels(app)
    assert "can set LLMTRACE_DASHBOARD_REPLAY=true" in texts(app)
    assert app.code[-1].value == (
        f"llmtrace replay {SPAN_ID} --model gpt-4o --set temperature=0 --max-usd 0.10"
    )
    with pytest.raises(ReplayError, match="is off"):
        data_replay.start("t", data_replay.find(SPAN_ID), data_replay.ReplayRequest())
    assert provider.requests == []


def test_without_a_key_or_within_no_budget_nothing_can_be_sent(
    home: Path, provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    dear = opened(home, monkeypatch, most="0.000001")
    monkeypatch.delenv("OPENAI_API_KEY")
    without = opened(home, monkeypatch)

    assert "more than --max-usd" in texts(dear)
    assert "OPENAI_API_KEY is not set" in texts(without)
    assert "Send" not in labels(dear) + labels(without)
    assert provider.requests == []


def test_a_replay_is_sent_once_recorded_compared_and_audited(
    home: Path, provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.enqueue(Reply(answer=Answer(text="Because of the light.")))
    app = opened(home, monkeypatch)
    send = next(button for button in app.button if button.label == "Send")

    send.click().run()
    settled(app)
    send.click().run()  # the second click of a double click arrives late
    settled(app)

    assert len(provider.requests) == 1
    assert "Send" not in labels(app)
    assert {"Cost", "Latency", "Words alike"} <= metrics(app).keys()
    assert metrics(app)["Words alike"] == "75%"
    shown = [each.value for each in app.text]
    assert "Because of the air." in shown
    assert "Because of the light." in shown
    assert "-Because of the air.\n+Because of the light." in app.code[-1].value
    rows = open_store(home).sql(
        "select * from llm_calls where feature = 'replay'"
    ).to_pylist(maps_as_pydicts="strict")  # fmt: skip
    (row,) = rows
    assert row["tags"] == {"replay_of": SPAN_ID}
    assert row["tenant"] is None
    run = data_replay.run_of((send.key or "").removeprefix("send-"))
    assert run is not None
    assert run.trace_id == row["trace_id"]
    assert run.found is not None
    assert run.found.after.cost_usd == row["cost_usd"]
    (note,) = open_store(home).sql("select * from audit where operation = 'replay'").to_pylist()
    assert json.loads(note["arguments"])["span"] == SPAN_ID
    assert Decimal(json.loads(note["outcome"])["cost_usd"]) == row["cost_usd"]

    press(app, "Prepare another run")
    assert "Send" in labels(app)
    assert len(provider.requests) == 1

    earlier = opened(home, monkeypatch, how="Earlier replays")
    assert column(earlier, "Output") == [str(row["output_tokens"])]
    assert metrics(earlier)["Words alike"] == "75%"


def test_a_providers_refusal_is_told_without_the_key(
    home: Path, provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
    provider.enqueue(Reply(status=401, message="Incorrect API key: sk-test-0123456789abcdef"))
    app = opened(home, monkeypatch)

    press(app, "Send")
    settled(app)

    assert "AuthenticationError 401" in texts(app)
    assert "0123456789abcdef" not in texts(app).replace(SPAN_ID, "")


def test_who_sees_one_tenant_replays_only_its_calls_and_finds_them_again(
    home: Path, provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sees(tenant: str) -> None:
        who = Viewer(name="ann", tenants=frozenset({tenant}))
        monkeypatch.setattr("dashboards.access._signed_in", lambda: who)

    sees("globex")
    others = opened(home, monkeypatch)
    sees("acme")
    own = opened(home, monkeypatch)
    press(own, "Send")
    settled(own)

    assert f"no LLM call has the span id {SPAN_ID}" in texts(others) + as_markdown(others)
    assert "Send" not in labels(others)
    (row,) = open_store(home).sql("select * from llm_calls where feature = 'replay'").to_pylist()
    assert row["tenant"] == "acme"
    assert column(opened(home, monkeypatch, how="Earlier replays"), "Status") == ["✓ ok"]


def test_a_trace_is_served_from_the_store(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(home, monkeypatch, how="Offline")

    assert "1 of 1 call of this trace are answered" in texts(app)
    assert column(app, "Answer") == ["✓ as stored"]
    assert "Because of the air." in [each.value for each in app.text]
    assert "llmtrace.replay(" in app.code[0].value


def test_hostile_text_is_never_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = " ".join(HOSTILE)
    request = {**CHAT, "model": everything}
    request["messages"] = [{"role": "user", "content": text} for text in HOSTILE]
    fill(tmp_path, [
        chat(recently(), request_model=everything, provider=everything, feature=everything,
             user_id=everything, name=everything, finish_reasons=[everything],
             request_body=json.dumps(request), response_body=answered(everything)),
    ])  # fmt: skip

    pages = [open_page(tmp_path, monkeypatch, "replay"), opened(tmp_path, monkeypatch),
             opened(tmp_path, monkeypatch, how="Offline"),
             opened(tmp_path, monkeypatch, **{"with": SPAN_ID, "as": everything})]  # fmt: skip

    for page in pages:
        assert not page.exception
        assert not [text for text in HOSTILE if text in as_markdown(page)]
        shown = texts(page) + "".join(code.value for code in page.code)
        assert not {"\u202e", "\u2066", "\x1b"}.intersection(shown)


def _found(_run: Run) -> Comparison:
    return compare(Side(text="a", cost_usd=Decimal(1)), Side(text="b"))


def test_a_ticket_starts_one_run_and_only_so_many_run_at_a_time() -> None:
    runs, gate, sent = Runs(), threading.Event(), []

    def wait(run: Run) -> Comparison:
        sent.append(run)
        gate.wait(30)
        return _found(run)

    for number in range(MAX_RUNNING):
        assert runs.start(str(number), wait) is runs.start(str(number), wait)
    with pytest.raises(ReplayError, match="under way"):
        runs.start("one more", _found)
    gate.set()
    _until(lambda: not any(each.is_running for each in sent))

    assert len(sent) == MAX_RUNNING
    assert runs.start("one more", _found) is runs.of("one more")


def test_what_a_run_raises_is_told() -> None:
    runs = Runs()

    def refused(_run: Run) -> Comparison:
        raise ReplayError("no")

    def broken(_run: Run) -> Comparison:
        raise ValueError("sk-secret")

    found = [runs.start("1", refused), runs.start("2", broken)]
    _until(lambda: not any(each.is_running for each in found))

    assert [each.error for each in found] == ["no", "it failed with ValueError"]


def _until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.002)
