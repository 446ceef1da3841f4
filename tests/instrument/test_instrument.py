"""``instrument()`` and ``uninstrument()``: exact, repeatable, never in the app's way."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anthropic._base_client
import openai._base_client
import pytest

import llmtrace
from llmtrace.instrument import guard, patched
from tests.instrument.contract.apis_anthropic import MESSAGES
from tests.instrument.contract.apis_openai import CHAT
from tests.instrument.recording import Recorded, spans_in

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider

MODULES = (openai._base_client, anthropic._base_client)
TOUCHED = ("request", "_process_response", "_sleep_for_retry")


def functions() -> dict[str, Any]:
    """Return every function of the SDKs that we wrap, as it is stored in its class."""
    return {
        f"{module.__name__}.{owner}.{name}": vars(getattr(module, owner)).get(name)
        for module in MODULES
        for owner in ("SyncAPIClient", "AsyncAPIClient")
        for name in TOUCHED
    } | {"span": getattr(anthropic._base_client, "start_api_call_span", None)}


def test_uninstrument_restores_the_very_same_functions(tmp_path: Path) -> None:
    before = functions()

    llmtrace.instrument(home=tmp_path)
    during = functions()
    llmtrace.uninstrument()

    after = functions()
    assert all(after[name] is function for name, function in before.items())
    assert not any(
        during[name] is function for name, function in before.items() if function is not None
    )


def test_wrapped_functions_look_like_themselves(tmp_path: Path) -> None:
    before = {name: inspect.signature(f) for name, f in functions().items() if f}
    coroutines = {name: inspect.iscoroutinefunction(f) for name, f in functions().items()}

    llmtrace.instrument(home=tmp_path)

    during = functions()
    assert {name: inspect.signature(f) for name, f in during.items() if f} == before
    assert {name: inspect.iscoroutinefunction(f) for name, f in during.items()} == coroutines


def test_instrumenting_twice_records_once(provider: LocalProvider, tmp_path: Path) -> None:
    llmtrace.instrument(home=tmp_path)
    llmtrace.instrument(home=tmp_path)

    CHAT.create(CHAT.client(provider))

    assert len(Recorded(tmp_path).spans()) == 1


def test_a_second_instrument_replaces_the_settings(provider: LocalProvider, tmp_path: Path) -> None:
    llmtrace.instrument(home=tmp_path / "one")
    client = CHAT.client(provider)
    CHAT.create(client)
    llmtrace.instrument(home=tmp_path / "two")
    CHAT.create(client)

    assert len(Recorded(tmp_path / "two").spans()) == 1
    assert len(spans_in(tmp_path / "one" / "spool")) == 1


def test_clients_and_bound_methods_made_before_are_recorded(
    provider: LocalProvider, tmp_path: Path
) -> None:
    client = CHAT.client(provider)
    create = client.chat.completions.create
    raw = client.chat.completions.with_raw_response.create

    llmtrace.instrument(home=tmp_path)
    create(model=CHAT.model, **CHAT.asked("Hi"))
    raw(model=CHAT.model, **CHAT.asked("Hi"))

    assert len(Recorded(tmp_path).spans()) == 2


def test_bound_methods_kept_from_before_uninstrument_pass_straight_through(
    provider: LocalProvider, tmp_path: Path
) -> None:
    llmtrace.instrument(home=tmp_path)
    client = CHAT.client(provider)
    request = client.request
    client.request = request
    llmtrace.uninstrument()

    assert CHAT.create(client).choices
    assert spans_in(tmp_path / "spool") == []


def test_a_stream_that_outlives_uninstrument_is_read_to_its_end(
    provider: LocalProvider, tmp_path: Path
) -> None:
    llmtrace.instrument(home=tmp_path)
    stream = CHAT.create(CHAT.client(provider), stream=True)
    next(stream)

    llmtrace.uninstrument()

    assert len(list(stream)) > 3
    assert not guard.faults


def test_instrumenting_again_after_uninstrument_works(
    provider: LocalProvider, tmp_path: Path
) -> None:
    for _ in range(2):
        llmtrace.instrument(home=tmp_path)
        CHAT.create(CHAT.client(provider))
        llmtrace.uninstrument()

    assert len(spans_in(tmp_path / "spool")) == 2


def test_only_the_named_integration_records(provider: LocalProvider, tmp_path: Path) -> None:
    llmtrace.instrument("anthropic", home=tmp_path)

    CHAT.create(CHAT.client(provider))
    MESSAGES.create(MESSAGES.client(provider))

    assert [s["attributes"]["llmtrace.api"] for s in Recorded(tmp_path).spans()] == [MESSAGES.wire]


def test_the_kill_switch_leaves_the_sdks_alone(
    provider: LocalProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = functions()
    monkeypatch.setenv("LLMTRACE_DISABLED", "1")

    llmtrace.instrument(home=tmp_path)
    with llmtrace.trace("step"), llmtrace.attribute(user="u1"):
        for api in (CHAT, MESSAGES):
            api.create(api.client(provider))

    assert functions() == before
    assert patched() == ()
    assert llmtrace.flush()
    assert list(tmp_path.iterdir()) == []


BAD: dict[str, tuple[tuple[str, ...], dict[str, Any], str]] = {
    "unknown_name": (("opnai",), {}, "no integration 'opnai'; did you mean 'openai'?"),
    "ratio": ((), {"sample_ratio": 7}, "sample_ratio=7"),
    "ratio_text": ((), {"sample_ratio": "much"}, "sample_ratio='much'"),
    "pattern": (
        (),
        {"redact_patterns": [("bad", "(")]},
        "('bad', '(') of redact_patterns is left out",
    ),
    "pattern_shape": ((), {"redact_patterns": ["("]}, "redact_patterns"),
    "pattern_none": ((), {"redact_patterns": None}, "redact_patterns"),
    "endpoint": ((), {"endpoint": "collector:4318"}, "http://"),
    "capture": ((), {"capture_content": "everything"}, "capture_content='everything'"),
    "unknown_setting": ((), {"sample_rate": 1}, "did you mean 'sample_ratio'?"),
    "headers": ((), {"headers": "a"}, "headers"),
    "headers_values": ((), {"headers": {"a": 1}}, ""),
    "home_object": ((), {"home": object()}, ""),
    "redact_not_callable": ((), {"redact": "x"}, "redact"),
    "name_no_text": ((7,), {}, ""),  # type: ignore[dict-item]  # what the test is about
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_argument_is_logged_and_never_raised(
    case: str, provider: LocalProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names, arguments, said = BAD[case]

    with caplog.at_level(logging.WARNING, "llmtrace"):
        llmtrace.instrument(*names, **{"home": tmp_path, **arguments})
        CHAT.create(CHAT.client(provider))
        llmtrace.flush()

    assert said in caplog.text


def test_a_wrong_variable_is_logged_and_the_default_taken(
    provider: LocalProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("LLMTRACE_SAMPLE_RATIO", "half")

    with caplog.at_level(logging.ERROR, "llmtrace"):
        llmtrace.instrument(home=tmp_path)
    CHAT.create(CHAT.client(provider))

    assert "LLMTRACE_SAMPLE_RATIO is 'half'" in caplog.text
    assert len(Recorded(tmp_path).spans()) == 1


def test_secrets_in_wrong_arguments_are_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "hunter2-without-equals")

    with caplog.at_level(logging.DEBUG):
        llmtrace.instrument(
            home=tmp_path,
            headers={"authorization": "Bearer hunter2"},
            token="hunter2",
            endpoint="http://app:hunter2@127.0.0.1:1",
        )
        llmtrace.uninstrument()

    assert "hunter2" not in caplog.text


SCRIPT = """
import sys, os
import llmtrace
{before}
llmtrace.instrument(home=sys.argv[1])
{after}
loaded = {{name.partition(".")[0] for name in sys.modules}}
print(sorted(loaded & {{"duckdb", "pandas", "pyarrow", "streamlit", "openai", "anthropic",
                        "genai_prices", "google", "httpx", "click", "yaml"}}))
{call}
"""
CALL = """
import openai
openai.OpenAI(base_url=sys.argv[2], api_key="any").chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}])
"""


def run_script(tmp_path: Path, provider: LocalProvider, **parts: str) -> str:
    """Run the script in a fresh interpreter; return what it printed."""
    text = SCRIPT.format(**{"before": "", "after": "", "call": CALL, **parts})
    done = subprocess.run(  # our own script
        [sys.executable, "-c", text, str(tmp_path), provider.openai_url],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_an_sdk_imported_after_instrument_is_recorded_and_nothing_is_loaded_before(
    provider: LocalProvider, tmp_path: Path
) -> None:
    assert run_script(tmp_path, provider) == "[]"

    assert len(spans_in(tmp_path / "spool")) == 1


def test_an_sdk_imported_before_instrument_is_recorded(
    provider: LocalProvider, tmp_path: Path
) -> None:
    assert "openai" in run_script(tmp_path, provider, before="import openai")

    assert len(spans_in(tmp_path / "spool")) == 1


def test_another_wrapper_on_top_of_ours_is_left_alone(
    provider: LocalProvider, tmp_path: Path
) -> None:
    owner = openai._base_client.SyncAPIClient
    original = vars(owner)["request"]
    llmtrace.instrument(home=tmp_path)
    ours = owner.request
    seen: list[int] = []

    def on_top(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(1)
        return ours(self, *args, **kwargs)

    on_top.__wrapped__ = ours  # type: ignore[attr-defined]  # as functools.wraps does
    owner.request = on_top  # what another tool does
    try:
        llmtrace.instrument(home=tmp_path)
        CHAT.create(CHAT.client(provider))
        assert len(Recorded(tmp_path).spans()) == 1
        llmtrace.uninstrument()
        CHAT.create(CHAT.client(provider))
        assert vars(owner)["request"] is on_top
        assert seen == [1, 1]
        assert len(spans_in(tmp_path / "spool")) == 1
    finally:
        owner.request = original  # undo the test's own patch
