"""Another tool instruments the same SDK, before or after us: each sees every call, once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.instrument import scripts
from tests.instrument.recording import spans_in

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

OTHERS = {
    "otel-genai": (
        ["opentelemetry-instrumentation-genai-openai==1.3b0"],
        "from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor as Other",
    ),
    "openinference": (
        ["openinference-instrumentation-openai>=0.1.40"],
        "from openinference.instrumentation.openai import OpenAIInstrumentor as Other",
    ),
}

PREPARE = """
import asyncio, inspect, warnings
warnings.simplefilter("ignore")  # what others deprecate among themselves
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
theirs = TracerProvider()
theirs.add_span_processor(SimpleSpanProcessor(exporter))
other = Other()
def calls(n=2):
    for _ in range(n):
        assert ask().choices[0].message.content == "It is on its way."
    async def later():
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        client = openai.AsyncOpenAI(api_key="any", http_client=http)
        await client.chat.completions.create(model="gpt-4o-mini", messages=[])
        await client.close()
    asyncio.run(later())
def functions():
    owners = [openai._base_client.SyncAPIClient, openai._base_client.AsyncAPIClient,
              openai.OpenAI, openai.AsyncOpenAI]
    return [getattr(owner, "request") for owner in owners]
before = functions()
def us(): llmtrace.instrument(home=sys.argv[1])
def them(): other.instrument(tracer_provider=theirs)
def us_off(): llmtrace.uninstrument()
def them_off(): other.uninstrument()
def told():
    done = len(exporter.get_finished_spans()); exporter.clear()
    return done
"""
AFTERWARDS = """
calls()
assert told() == 0
assert all(inspect.unwrap(now) is then for now, then in zip(functions(), before))
print(json.dumps(seen))
"""


@pytest.fixture(scope="module", params=OTHERS)
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return a Python that has the other tool, and how the tool is imported there."""
    packages, imported = OTHERS[request.param]
    python = scripts.overlay(tmp_path_factory.mktemp("other"), packages)
    if python is None:
        pytest.skip(f"{packages[0]} cannot be installed here")
    return [python, imported]


def play(other: list[str], home: Path, body: str) -> list[int]:
    """Run an app beside the other tool; return how many spans the other told of at each look."""
    python, imported = other
    script = f"{imported}\n{PREPARE}\nseen = []\n{body}\n{AFTERWARDS}"
    return json.loads(scripts.finish(scripts.start(script, home, python=python)))


@pytest.mark.parametrize("on", ["us(); them()", "them(); us()"])
@pytest.mark.parametrize("off", ["us_off(); them_off()", "them_off(); us_off()"])
def test_each_sees_every_call_once_and_leaves_as_it_came(
    on: str, off: str, other: list[str], tmp_path: Path
) -> None:
    seen = play(other, tmp_path, f"{on}; calls(); seen.append(told()); {off}")

    assert seen == [3]
    assert [span["name"] for span in spans_in(tmp_path / "spool")] == ["chat gpt-4o-mini"] * 3


@pytest.mark.parametrize("on", ["us(); them()", "them(); us()"])
def test_the_other_goes_on_alone_when_we_leave(on: str, other: list[str], tmp_path: Path) -> None:
    body = f"{on}; calls(); told(); us_off(); calls(); seen.append(told()); them_off()"

    assert play(other, tmp_path, body) == [3]
    assert len(spans_in(tmp_path / "spool")) == 3


def test_we_go_on_alone_when_the_other_came_later_and_leaves(
    other: list[str], tmp_path: Path
) -> None:
    play(other, tmp_path, "us(); them(); calls(); told(); them_off(); calls(); us_off()")

    assert len(spans_in(tmp_path / "spool")) == 6


def test_instrumenting_again_beside_the_other_records_once(
    other: list[str], tmp_path: Path
) -> None:
    play(other, tmp_path, "us(); them(); us_off(); us(); calls(); told(); us_off(); them_off()")

    assert len(spans_in(tmp_path / "spool")) == 3


@pytest.mark.parametrize("on", ["us(); them()", "them(); us()"])
def test_with_one_tracer_provider_for_both_the_spans_are_in_one_trace(
    on: str, other: list[str], tmp_path: Path
) -> None:
    body = f"""
from opentelemetry import trace
trace.set_tracer_provider(theirs)
{on}
with trace.get_tracer("app").start_as_current_span("request"):
    ask()
spans = exporter.get_finished_spans()
seen.extend([len(spans), len({{span.context.trace_id for span in spans}})])
us_off(); them_off(); told()
"""

    assert play(other, tmp_path, body) == [3, 1]
    assert len(spans_in(tmp_path / "spool")) == 1


def test_coming_back_after_the_other_took_ours_off_records_again(
    other: list[str], tmp_path: Path
) -> None:
    play(other, tmp_path, "them(); us(); them_off(); us_off(); us(); calls(); us_off()")

    assert len(spans_in(tmp_path / "spool")) == 3
