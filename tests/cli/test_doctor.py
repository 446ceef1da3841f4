"""``llmtrace doctor`` tells the truth about this machine, and no secret."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import openai
from click.testing import CliRunner
from openai import _base_client

import llmtrace
from llmtrace.cli.doctor import command, forwarded
from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.instrument import patches
from llmtrace.spool.keeping import activate
from llmtrace.testing.provider import LocalProvider

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def findings(home: Path) -> tuple[int, dict[str, dict[str, str]]]:
    """Run doctor; return its exit code and its findings by subject."""
    result = CliRunner().invoke(command, ["--home", str(home), "--json"], standalone_mode=False)
    assert result.exception is None
    found = {item["about"]: item for item in json.loads(result.stdout)}
    return int(result.return_value), found


def test_a_healthy_machine_has_no_problem(tmp_path: Path) -> None:
    code, found = findings(tmp_path)

    assert code == 0
    assert found["openai"]["verdict"] == found["anthropic"]["verdict"] == "ok"
    assert found["collector"]["verdict"] == "note"
    assert "no call yet" in found["store"]["detail"]


def test_doctor_leaves_no_patch_behind(tmp_path: Path) -> None:
    before = vars(_base_client.SyncAPIClient)["request"]

    findings(tmp_path)

    assert vars(_base_client.SyncAPIClient)["request"] is before


def test_a_function_that_an_sdk_does_not_have_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(_base_client.SyncAPIClient, "_process_response")
    monkeypatch.setattr(patches, "missing", type(patches.missing)())

    code, found = findings(tmp_path)

    assert code == 1
    assert "SyncAPIClient._process_response" in found["openai"]["detail"]


def test_a_part_that_only_newer_versions_have_is_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai.resources.realtime.realtime", None)

    code, found = findings(tmp_path)

    assert code == 0
    assert found["openai"]["verdict"] == "ok"


def test_an_sdk_that_has_been_rebuilt_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "missing", type(patches.missing)())
    monkeypatch.setitem(sys.modules, "groq._base_client", None)

    code, found = findings(tmp_path)

    assert code == 1
    assert "has no groq: groq._base_client" in found["groq"]["detail"]


def test_stored_calls_and_models_without_a_price_are_counted(tmp_path: Path) -> None:
    with LocalProvider() as provider:
        llmtrace.instrument(home=tmp_path)
        client = openai.OpenAI(base_url=provider.openai_url, api_key="sk-canary-0123456789abcdef")
        client.chat.completions.create(
            model="house-model-1", messages=[{"role": "user", "content": "hello"}]
        )
        llmtrace.uninstrument()

    code, found = findings(tmp_path)

    assert code == 0
    assert "1 call," in found["store"]["detail"]
    assert "house-model-1" in found["unpriced"]["detail"]


def test_no_secret_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMTRACE_TOKEN", "canary-token-123")
    monkeypatch.setenv("LLMTRACE_SLACK_URL", "https://hooks.example.test/canary-456")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=canary-789")
    monkeypatch.setenv("LLMTRACE_ENDPOINT", "http://user:canary-000@127.0.0.1:9")
    monkeypatch.setenv("LLMTRACE_FORWARD_TO", "b=http://127.0.0.1:9/x?key=canary-111")
    monkeypatch.setenv("LLMTRACE_FORWARD_HEADERS", "b:api-key=canary-222")

    shown = CliRunner().invoke(command, ["--home", str(tmp_path)]).output

    assert "canary" not in shown.replace(str(tmp_path), "")


def test_backends_that_spans_are_sent_on_to_are_told(tmp_path: Path) -> None:
    named = load_settings({}, home=tmp_path, forward_to="b=http://127.0.0.1:9")
    with Collector(load_settings({}, home=tmp_path), port=0):
        (unknown,) = forwarded(named)
    activate(tmp_path, {"b": 100})
    (waiting,) = forwarded(named)
    (unnamed,) = forwarded(load_settings({}, home=tmp_path))

    assert unknown.verdict == "problem"
    assert "to b (http://127.0.0.1:9/v1/traces): 0 bytes wait" in unknown.detail
    assert "does not know of it" in unknown.detail
    assert waiting.verdict == "note"
    assert "does not name here" in unnamed.detail
