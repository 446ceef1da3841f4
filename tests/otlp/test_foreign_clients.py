"""Other tools' real instrumentation of real SDKs: what it sends is stored as we would store it.

Each tool runs in a process of its own, in an environment that has it on top of this one's; it calls
the local provider and exports over OTLP/HTTP to a collector. Our instrumentation of the same calls,
in another process, against another local provider, is what its rows are held against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.store import open_store
from tests.instrument import scripts

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

OTLP = "opentelemetry-exporter-otlp-proto-http"

PREPARE = """
import sys, warnings
warnings.simplefilter("ignore")
import anthropic, openai
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from llmtrace.testing.provider import LocalProvider
tracing = TracerProvider()
LONG = "You are a careful assistant of a parcel company. " * 200
ASK = [{"role": "system", "content": LONG}, {"role": "user", "content": "Where is my parcel?"}]
CACHED = [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]
provider = LocalProvider()
provider.__enter__()
def export():
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    exporter = OTLPSpanExporter(endpoint=sys.argv[1] + "/v1/traces")
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
def openai_client(of=openai):
    return of.OpenAI(base_url=provider.openai_url, api_key="any")
def anthropic_client():
    options = {"base_url": provider.anthropic_url, "api_key": "any"}
    return anthropic.Anthropic(**options)
def ask_openai(client):
    for _ in range(2):
        client.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    for _ in client.chat.completions.create(
        model="gpt-4o-mini", messages=ASK, stream=True, stream_options={"include_usage": True}
    ): pass
    client.responses.create(model="o4-mini", input="Think hard")
    client.embeddings.create(model="text-embedding-3-small", input="hello there")
def ask_anthropic(client):
    for _ in range(2):
        client.messages.create(
            model="claude-sonnet-4-5", max_tokens=50, system=CACHED,
            messages=[{"role": "user", "content": "Where is it?"}])
def ask_langchain(**more):
    from langchain_anthropic import ChatAnthropic
    from langchain_openai import ChatOpenAI
    chat = ChatOpenAI(model="gpt-4o-mini", base_url=provider.openai_url, api_key="any")
    chat.invoke("Where is it?", **more)
    chat = ChatAnthropic(model="claude-sonnet-4-5", base_url=provider.anthropic_url, api_key="any")
    for _ in range(2):
        chat.invoke([{"role": "system", "content": CACHED},
                     {"role": "user", "content": "Where is it?"}], **more)
def ask_pydantic(settings=None):
    from pydantic_ai import Agent
    from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.anthropic import AnthropicProvider
    from pydantic_ai.providers.openai import OpenAIProvider
    asked = OpenAIProvider(base_url=provider.openai_url, api_key="any")
    Agent(OpenAIChatModel("gpt-4o-mini", provider=asked)).run_sync("Where is it?")
    client = anthropic.AsyncAnthropic(base_url=provider.anthropic_url, api_key="any")
    model = AnthropicModel("claude-sonnet-4-5", provider=AnthropicProvider(anthropic_client=client))
    cache = AnthropicModelSettings(anthropic_cache_instructions=True)
    for _ in range(2):
        Agent(model, system_prompt=LONG, model_settings=cache).run_sync("Where is it?")
"""
DONE = """
tracing.force_flush()
sys.stdout.flush()
import os; os._exit(0)  # some tools' background threads wait for services that are not there
"""
OURS = "import llmtrace; llmtrace.instrument(endpoint=sys.argv[1], home=sys.argv[2])\n"
OURS_DONE = "assert llmtrace.flush(10); llmtrace.uninstrument()\n"
WITHOUT_NATIVE = 'import os; os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"\n'


class Tool(NamedTuple):
    packages: list[str]
    setup: str
    calls: str
    our_calls: str = ""
    """What makes the same calls without the tool, if ``calls`` needs it."""
    tells_dated_model: bool = True
    """Whether the model of a streamed answer is the one that answered."""


BOTH = "ask_openai(openai_client()); ask_anthropic(anthropic_client())\n"
TOOLS = {
    "openinference": Tool(
        [
            OTLP,
            "openinference-instrumentation-openai>=0.1.40",
            "openinference-instrumentation-anthropic>=3",
        ],
        """export()
from openinference.instrumentation.openai import OpenAIInstrumentor
from openinference.instrumentation.anthropic import AnthropicInstrumentor
OpenAIInstrumentor().instrument(tracer_provider=tracing)
AnthropicInstrumentor().instrument(tracer_provider=tracing)
""",
        BOTH,
    ),
    "openinference-langchain": Tool(
        [OTLP, "openinference-instrumentation-langchain>=0.1.60"],
        """export()
from openinference.instrumentation.langchain import LangChainInstrumentor
LangChainInstrumentor().instrument(tracer_provider=tracing)
""",
        "ask_langchain()\n",
    ),
    "traceloop": Tool(
        [
            OTLP,
            "opentelemetry-instrumentation-openai>=0.60",
            "opentelemetry-instrumentation-anthropic>=0.60",
        ],
        """export()
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
OpenAIInstrumentor().instrument(tracer_provider=tracing)
AnthropicInstrumentor().instrument(tracer_provider=tracing)
""",
        BOTH,
    ),
    "otel-genai": Tool(
        [OTLP, "opentelemetry-instrumentation-genai-openai==1.3b0"],
        """export()
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
OpenAIInstrumentor().instrument(tracer_provider=tracing)
""",
        "ask_openai(openai_client())\n",
    ),
    "anthropic-native": Tool(
        [OTLP],
        'os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "true"; export(); '
        "trace.set_tracer_provider(tracing)\n",
        "ask_anthropic(anthropic_client())\n",
    ),
    "logfire": Tool(
        [OTLP, "logfire>=5"],
        """
import logfire
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
processor = SimpleSpanProcessor(OTLPSpanExporter(endpoint=sys.argv[1] + "/v1/traces"))
logfire.configure(send_to_logfire=False, console=False, additional_span_processors=[processor])
logfire.instrument_openai(); logfire.instrument_anthropic()
""",
        BOTH,
        tells_dated_model=False,
    ),
    "pydantic-ai": Tool(
        [OTLP],
        """export()
from pydantic_ai import Agent, InstrumentationSettings
Agent.instrument_all(InstrumentationSettings(tracer_provider=tracing))
""",
        "ask_pydantic()\n",
    ),
    "langfuse": Tool(
        [OTLP, "langfuse>=5"],
        """export()
from langfuse import Langfuse
Langfuse(public_key="pk", secret_key="sk", base_url=sys.argv[1], tracer_provider=tracing)
from langfuse.openai import openai as theirs
from langfuse.langchain import CallbackHandler
""",
        "ask_openai(openai_client(theirs)); "
        'ask_langchain(config={"callbacks": [CallbackHandler()]})\n',
        "ask_openai(openai_client()); ask_langchain()\n",
    ),
    "mlflow": Tool(
        [OTLP, "mlflow-tracing>=3.17", "sqlparse"],
        """
os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = sys.argv[1] + "/v1/traces"
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
import mlflow
mlflow.openai.autolog(); mlflow.anthropic.autolog()
""",
        BOTH,
    ),
}
FLUSH = {
    "mlflow": "from mlflow.tracing import provider as theirs\n"
    "theirs.provider.get().force_flush(10_000)\n"
}

COMPARED = (
    "select provider, operation, model, input_tokens, output_tokens, cache_read_tokens, "
    "cache_write_tokens, reasoning_tokens, cost_usd, usage_anomaly, attributes from llm_calls"
)


def stored(place: Path, body: str, python: str) -> list[dict[str, Any]]:
    """Run an app against a collector of its own; return the calls in its store, by time."""
    place.mkdir()
    with Collector(load_settings({}, home=place / "store"), port=0) as collector:
        script = WITHOUT_NATIVE + PREPARE + body
        process = scripts._start([python, "-c", script, collector.url, str(place / "app")], {})
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
        with open_store(place / "store") as store:
            store.refresh()
            rows = store.sql(COMPARED)
    return rows.to_pylist()


def comparable(rows: list[dict[str, Any]], *, dated: bool = True) -> list[dict[str, Any]]:
    """Leave what must agree, in order; of parts 0 and unknown are one, for many tell no zeros."""
    # An embedding has no output: some say 0 of it.
    parts = {"output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"}
    left = [
        {
            name: (value or None) if name in parts else value
            for name, value in row.items()
            if name not in {"usage_anomaly", "attributes"} and (dated or name != "model")
        }
        for row in rows
    ]
    return sorted(left, key=str)


BESIDE = """
from opentelemetry import trace
if "logfire" not in sys.modules:
    trace.set_tracer_provider(tracing)
"""
IN_A_REQUEST = """
with trace.get_tracer("app").start_as_current_span("request"):
    CALLS
"""
BESIDE_US = {"openinference", "traceloop", "otel-genai", "logfire"}
"""Tools that may watch the same calls in the same process."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_s_spans_are_counted_as_our_own_and_each_call_once_where_both_tell_of_it(
    name: str, tmp_path: Path
) -> None:
    tool = TOOLS[name]
    python = scripts.overlay(tmp_path / "environment", tool.packages)
    if python is None:
        pytest.skip(f"{', '.join(tool.packages)} cannot be installed here")
    ours = stored(tmp_path / "ours", OURS + (tool.our_calls or tool.calls) + OURS_DONE, python)
    expected = comparable(ours, dated=tool.tells_dated_model)

    theirs = stored(
        tmp_path / "theirs", tool.setup + tool.calls + FLUSH.get(name, "") + DONE, python
    )

    assert comparable(theirs, dated=tool.tells_dated_model) == expected
    assert all(row["cost_usd"] is not None for row in theirs)
    assert {row["usage_anomaly"] for row in theirs} == {None}
    if name not in BESIDE_US:
        return
    both = {"theirs": tool.setup + BESIDE, "ours": OURS}
    calls = IN_A_REQUEST.replace("CALLS", tool.calls.strip())
    for first, last in (("theirs", "ours"), ("ours", "theirs")):
        body = both[first] + both[last] + calls + OURS_DONE + DONE
        mixed = stored(tmp_path / f"{first}-first", body, python)
        assert comparable(mixed, dated=tool.tells_dated_model) == expected, first
