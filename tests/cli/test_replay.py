"""``llmtrace replay`` and ``llmtrace.replay(trace)`` on calls that were really recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest
from click.testing import CliRunner, Result

import llmtrace
from llmtrace.cli.replay import command
from llmtrace.errors import ReplayError
from llmtrace.replay.source import find_call, find_calls
from llmtrace.store import open_store
from llmtrace.store.calls import calls_by_span
from llmtrace.testing.provider import Answer, LocalProvider, Reply
from tests.replay.rows import CHAT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalProvider]:
    with LocalProvider() as running:
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        monkeypatch.setenv("OPENAI_BASE_URL", running.openai_url)
        yield running


def _ask(home: Path, *prompts: str) -> list[str | None]:
    """Make one instrumented call a prompt, all in one trace; return the answers."""
    llmtrace.instrument(home=home)
    try:
        with llmtrace.trace("work"):
            client = openai.OpenAI()
            answers = [
                client.chat.completions.create(
                    model="gpt-4o-mini", messages=[{"role": "user", "content": prompt}]
                )
                for prompt in prompts
            ]
        assert llmtrace.flush()
    finally:
        llmtrace.uninstrument()
    return [answer.choices[0].message.content for answer in answers]


def _calls(home: Path) -> list[dict[str, Any]]:
    with open_store(home) as store:
        return store.sql("select * from llm_calls_full order by start_time").to_pylist()


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, standalone_mode=False)


def test_the_same_answer_exits_0_and_shows_both_sides(provider: LocalProvider, home: Path) -> None:
    _ask(home, "Why is the sky blue?")
    span_id = _calls(home)[0]["span_id"]

    result = _run(span_id, "--home", str(home))

    assert result.return_value == 0, result.output
    assert "stored    gpt-4o-mini" in result.stdout
    assert "replayed  gpt-4o-mini" in result.stdout
    assert "answer    the same" in result.stdout
    assert "unpriced" not in result.stdout


def test_another_answer_exits_1_and_shows_the_difference(
    provider: LocalProvider, home: Path
) -> None:
    _ask(home, "Why is the sky blue?")
    provider.enqueue(Reply(answer=Answer(text="Because \x1b[31mit is.")))

    result = _run(_calls(home)[0]["span_id"][:8], "--home", str(home))

    assert result.return_value == 1, result.output
    assert "answer    differs" in result.stdout
    assert "+Because \\x1b[31mit is." in result.stdout
    assert "\x1b" not in result.stdout


def test_another_model_and_parameters_are_sent(provider: LocalProvider, home: Path) -> None:
    _ask(home, "Why is the sky blue?")

    result = _run(
        _calls(home)[0]["span_id"],
        *("--home", str(home), "--model", "gpt-4o", "--set", "temperature=0", "--set", "user=ann"),
        "--json",
    )

    sent = provider.requests[-1].json
    assert (sent["model"], sent["temperature"], sent["user"]) == ("gpt-4o", 0, "ann")
    found = json.loads(result.stdout)
    assert found["after"]["model"].startswith("gpt-4o")
    assert found["after"]["cost_usd"] > found["before"]["cost_usd"]


def test_the_replayed_call_is_recorded_and_tagged(provider: LocalProvider, home: Path) -> None:
    _ask(home, "Why is the sky blue?")
    span_id = _calls(home)[0]["span_id"]

    _run(span_id, "--home", str(home))

    first, second = _calls(home)
    assert first["feature"] is None
    assert second["feature"] == "replay"
    assert dict(second["tags"]) == {"replay_of": span_id}
    assert second["output_tokens"] == first["output_tokens"]


def test_no_record_leaves_no_trace_but_in_the_audit(provider: LocalProvider, home: Path) -> None:
    _ask(home, "Why is the sky blue?")

    span_id = _calls(home)[0]["span_id"]
    _run(span_id, "--home", str(home), "--no-record", "--set", "user=somebody")

    assert len(_calls(home)) == 1
    assert len(provider.requests) == 2
    with open_store(home) as store:
        (row,) = store.sql("from audit").to_pylist()
    assert (row["operation"], span_id in row["arguments"]) == ("replay", True)
    assert '"parameters": ["user"]' in row["arguments"]
    assert "somebody" not in row["arguments"]
    assert "cost_usd" in row["outcome"]


def test_a_dry_run_sends_nothing(provider: LocalProvider, home: Path) -> None:
    _ask(home, "Why is the sky blue?")

    result = _run(_calls(home)[0]["span_id"], "--home", str(home), "--dry-run", "--model", "gpt-4o")

    assert result.return_value == 0, result.output
    assert "would send openai.chat" in result.stdout
    assert 'change     model: "gpt-4o-mini" → "gpt-4o"' in result.stdout
    assert "cost       about $0.0" in result.stdout
    assert "Why is the sky blue?" in result.stdout
    assert len(provider.requests) == 1


def test_the_budget_is_held(provider: LocalProvider, home: Path) -> None:
    _ask(home, "Why is the sky blue?")

    result = _run(_calls(home)[0]["span_id"], "--home", str(home), "--max-usd", "0.000000001")

    assert isinstance(result.exception, ReplayError)
    assert "more than --max-usd" in str(result.exception)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("amount", ["-1", "nan", "many", "inf"])
def test_a_wrong_amount_is_refused(amount: str) -> None:
    result = CliRunner().invoke(command, ["abcd", "--max-usd", amount])

    assert result.exit_code == 2
    assert "is no amount in USD" in result.output


def test_a_wrong_parameter_is_refused(provider: LocalProvider, home: Path) -> None:
    _ask(home, "Why?")

    result = CliRunner().invoke(
        command, [_calls(home)[0]["span_id"], "--home", str(home), "--set", "temperature"]
    )

    assert result.exit_code == 2
    assert "write NAME=VALUE" in result.output


def test_an_unknown_id_is_told_with_ids_that_exist(provider: LocalProvider, home: Path) -> None:
    _ask(home, "Why?")
    known = _calls(home)[0]["span_id"]
    unknown = f"{int(known, 16) ^ 1:016x}"

    with open_store(home) as store, pytest.raises(ReplayError) as raised:
        find_call(store, unknown)

    assert f"no LLM call has the span id {unknown}" in str(raised.value)
    assert known in str(raised.value)


def test_an_id_in_an_empty_store_is_told(home: Path) -> None:
    with open_store(home) as store, pytest.raises(ReplayError, match="has no calls yet"):
        find_call(store, "abcdef0123456789")


@pytest.mark.parametrize("text", ["", "abc", "xyz12345", "0" * 17, "' or 1=1 --"])
def test_what_is_no_id_is_told(home: Path, text: str) -> None:
    with open_store(home) as store, pytest.raises(ReplayError, match="is no span id"):
        find_call(store, text)


def test_a_beginning_that_several_ids_have_is_told(
    provider: LocalProvider, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ask(home, *[f"Question {n}" for n in range(2)])
    ids = [call["span_id"] for call in _calls(home)]
    # What all ids begin with: ids are random.
    monkeypatch.setattr(
        "llmtrace.replay.source.calls_by_span",
        lambda store, _, limit: calls_by_span(store, "", limit=limit),
    )

    with open_store(home) as store, pytest.raises(ReplayError, match="write more digits") as raised:
        find_call(store, "abcd")

    assert all(span_id in str(raised.value) for span_id in ids)


def test_a_recorded_trace_is_served_offline(
    provider: LocalProvider, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = ["Why is the sky blue?", "And the sea?"]
    answers = _ask(home, *prompts)
    trace_id = _calls(home)[0]["trace_id"]
    provider.stop()

    with llmtrace.replay(trace_id, home=home) as session:
        client = openai.OpenAI(api_key="not needed")
        replayed = [
            client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": prompt}]
            )
            .choices[0]
            .message.content
            for prompt in prompts
        ]

    assert replayed == answers
    assert session.unused == ()
    assert len(session.calls) == 2


def test_a_redacted_recording_is_served_to_the_same_program(
    provider: LocalProvider, home: Path
) -> None:
    prompt = "Write to bob@example.com or call 212-555-0199, card 4111 1111 1111 1111."
    _ask(home, prompt)
    call = _calls(home)[0]

    with llmtrace.replay(call["span_id"], home=home):
        openai.OpenAI().chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": prompt}]
        )

    assert "email=" in call["redacted"]
    assert len(provider.requests) == 1


def test_an_unknown_trace_is_told(home: Path) -> None:
    with open_store(home) as store, pytest.raises(ReplayError, match="no LLM call is stored"):
        find_calls(store, "ab" * 16)


def test_a_call_without_content_cannot_be_sent_again(provider: LocalProvider, home: Path) -> None:
    llmtrace.instrument(home=home, capture_content="none")
    try:
        openai.OpenAI().chat.completions.create(**CHAT)
        assert llmtrace.flush()
    finally:
        llmtrace.uninstrument()

    result = _run(_calls(home)[0]["span_id"], "--home", str(home))

    assert isinstance(result.exception, ReplayError)
    assert "was not captured" in str(result.exception)
