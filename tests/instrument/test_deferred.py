"""What an app does not need to start, it does not load to start."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import llmtrace
from llmtrace.config import load_settings
from llmtrace.instrument.deferred import DeferredFinisher
from tests.instrument.recording import decoded, spans_in

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider

HEAVY = (
    *("describe", "finish", "redact", "sensitive", "sender"),
    *("wire", "usage", "pricing", "encode", "baggage", "difflib", "urllib.request"),
)
LOADED = """
import sys
before = set(sys.modules)
import llmtrace
llmtrace.instrument(home=sys.argv[1])
print(*sorted(set(sys.modules) - before))
"""


def test_instrument_loads_nothing_that_can_wait_for_the_first_call(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import openai, anthropic" + LOADED, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    loaded = said.stdout.split()
    assert "llmtrace.instrument" in loaded
    assert not [name for name in loaded for heavy in HEAVY if f".{heavy}" in f".{name}"]


def test_what_is_put_off_is_there_when_a_call_ends(provider: LocalProvider, tmp_path: Path) -> None:
    # given: a process that has instrumented and made one call
    program = f"""
import llmtrace
llmtrace.instrument(home={str(tmp_path)!r})
import openai
client = openai.OpenAI(api_key="none", base_url={provider.openai_url!r})
client.chat.completions.create(model="gpt-5-mini", messages=[{{"role": "user", "content": "hi"}}])
"""

    # when: it ends at once, so that the exit flush loads what is needed
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)

    # then
    (span,) = spans_in(tmp_path / "spool")
    assert span["name"] == "chat gpt-5-mini"


def test_a_resource_adopted_before_the_first_record_is_used(tmp_path: Path) -> None:
    finisher = DeferredFinisher(load_settings({}, home=str(tmp_path)))
    finisher.adopt_resource({"service.name": "shop"})

    with llmtrace.trace("step"):
        pass
    payload, _ = finisher.finish([], encode=True, drops={"queue_full": 1})

    assert b"shop" in payload
    assert decoded(payload) == []
