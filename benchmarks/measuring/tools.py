"""What is measured: llmtrace, a bare OpenTelemetry SDK span, and peers, switched on and off alike.

A tool is imported only where it is used; this module runs in the environment of each.
"""

from __future__ import annotations

import functools
import importlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

Mode = Literal["record", "ratio_0", "always_off", "spool", "otlp"]
"""``record``: spans are made, and exported to nowhere where the tool allows that. ``ratio_0`` and
``always_off``: sampled out by the tool's own setting, by the app's sampler. ``spool`` and ``otlp``:
exported for real, for whole-process figures."""


class NoSuchModeError(Exception):
    """A tool cannot be measured in this mode: the report shows a dash."""


class Tool(Protocol):
    """Something that can be switched on and off within one process."""

    def start(self, mode: Mode) -> None:
        """Switch on. Raises NoSuchModeError for a mode that the tool does not have."""
        ...

    def stop(self) -> None:
        """Switch off, leaving the SDKs as they were."""
        ...

    def flush(self) -> None:
        """Return when everything so far is exported."""
        ...

    def watch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Put around an SDK function what the tool's user would put there by hand."""
        ...


def make(name: str, sink_url: str) -> Tool:
    """Return the tool called ``name``; what it exports over OTLP goes to ``sink_url``."""
    if name == "llmtrace":
        return Llmtrace(sink_url)
    if name == "otel-span":
        return BareSpan(sink_url)
    return Instrumentors(sink_url, INSTRUMENTORS[name])


class Llmtrace:
    """This project, with its defaults (content redacted, to the spool)."""

    def __init__(self, sink_url: str) -> None:
        self._llmtrace: Any = importlib.import_module("llmtrace")
        self._sink_url = sink_url
        self._home = tempfile.TemporaryDirectory(prefix="llmtrace-bench-")

    def start(self, mode: Mode) -> None:
        """Switch on."""
        options: dict[str, Any] = {}
        if mode == "ratio_0":
            options["sample_ratio"] = 0.0
        elif mode == "always_off":
            options["tracer_provider"] = _provider(self._sink_url, mode)
        elif mode == "otlp":
            options["endpoint"] = self._sink_url
        self._llmtrace.instrument(home=Path(self._home.name), **options)

    def stop(self) -> None:
        """Switch off."""
        self._llmtrace.uninstrument()
        for segment in Path(self._home.name).glob("spool/*.seg"):
            segment.unlink()

    def flush(self) -> None:
        """Wait for the export."""
        assert self._llmtrace.flush(30), "what was recorded was not written in time"

    def watch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing to put around: the SDK itself is instrumented."""
        return function


class BareSpan:
    """One span of the OpenTelemetry SDK with 20 constant attributes; nothing is read."""

    def __init__(self, sink_url: str) -> None:
        self._sink_url = sink_url
        self._provider: Any = None
        self._tracer: Any = None
        self._attributes = {f"gen_ai.attribute.{i}": "value" for i in range(20)}

    def start(self, mode: Mode) -> None:
        """Switch on."""
        self._provider = _provider(self._sink_url, mode)
        self._tracer = self._provider.get_tracer("bench")

    def stop(self) -> None:
        """Switch off."""
        if self._provider is not None:
            self._provider.shutdown()
        self._provider = self._tracer = None

    def flush(self) -> None:
        """Wait for the export."""
        self._provider.force_flush()

    def watch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Put the span around the call."""

        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if self._tracer is None:
                return function(*args, **kwargs)
            with self._tracer.start_as_current_span("chat", attributes=self._attributes):
                return function(*args, **kwargs)

        return watched


INSTRUMENTORS = {
    "otel-genai": (
        "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor",
        "opentelemetry.instrumentation.genai.anthropic:AnthropicInstrumentor",
    ),
    "openinference": (
        "openinference.instrumentation.openai:OpenAIInstrumentor",
        "openinference.instrumentation.anthropic:AnthropicInstrumentor",
    ),
}


class Instrumentors:
    """Peers that follow OpenTelemetry's instrumentor interface, content on."""

    def __init__(self, sink_url: str, names: tuple[str, ...]) -> None:
        os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
        os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
        self._sink_url = sink_url
        self._provider: Any = None
        self._instrumentors: list[Any] = []
        for name in names:
            module, _, attribute = name.partition(":")
            self._instrumentors.append(getattr(importlib.import_module(module), attribute)())

    def start(self, mode: Mode) -> None:
        """Switch on."""
        self._provider = _provider(self._sink_url, mode)
        for instrumentor in self._instrumentors:
            instrumentor.instrument(tracer_provider=self._provider)

    def stop(self) -> None:
        """Switch off."""
        if self._provider is None:
            return
        for instrumentor in self._instrumentors:
            instrumentor.uninstrument()
        self._provider.shutdown()
        self._provider = None

    def flush(self) -> None:
        """Wait for the export."""
        self._provider.force_flush()

    def watch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing to put around: the SDK itself is instrumented."""
        return function


def _provider(sink_url: str, mode: Mode) -> Any:
    """Return a tracer provider with a batch processor, as production has it."""
    trace: Any = importlib.import_module("opentelemetry.sdk.trace")
    export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
    sampling: Any = importlib.import_module("opentelemetry.sdk.trace.sampling")
    if mode in {"ratio_0", "spool"}:
        raise NoSuchModeError(mode)
    sampler = sampling.ALWAYS_OFF if mode == "always_off" else sampling.ALWAYS_ON
    provider = trace.TracerProvider(sampler=sampler)
    if mode == "otlp":
        try:
            otlp: Any = importlib.import_module(
                "opentelemetry.exporter.otlp.proto.http.trace_exporter"
            )
        except ImportError:
            raise NoSuchModeError(mode) from None
        exporter = otlp.OTLPSpanExporter(endpoint=f"{sink_url}/v1/traces")
    else:
        exporter = _nowhere(export)
    provider.add_span_processor(export.BatchSpanProcessor(exporter))
    return provider


def _nowhere(export: Any) -> Any:
    class Nowhere(export.SpanExporter):
        def export(self, spans: Any) -> Any:
            del spans
            return export.SpanExportResult.SUCCESS

    return Nowhere()
