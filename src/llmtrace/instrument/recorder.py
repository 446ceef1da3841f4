"""The recorder: starts spans the right way for this app, and takes ended calls in.

Three ways, decided at every call, because an app may set up OpenTelemetry after us:

* no tracer provider in the app: spans of our own, to the spool (or an OTLP endpoint);
* a global provider: its real spans, so that they join the app's trace, obey its sampler and reach
  its backend; the same spans, with the same ids, also go to our spool;
* ``tracer_provider=`` given: real spans of that provider alone; nothing else is set up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import get_value
from opentelemetry.trace import SpanKind

from llmtrace import semconv
from llmtrace.instrument import live
from llmtrace.instrument.spans import OwnSpan, new_span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider

    from llmtrace.config import Settings
    from llmtrace.instrument.call import Call
    from llmtrace.instrument.integrations._base import Endpoint, Integration
    from llmtrace.instrument.pipeline import Pipeline
    from llmtrace.instrument.step import Step


class Recorder:
    """Made by ``instrument()``; lives until ``uninstrument()`` or the process ends."""

    def __init__(
        self,
        settings: Settings,
        integrations: frozenset[str],
        pipeline: Pipeline,
        given_provider: TracerProvider | None,
    ) -> None:
        """Record the SDKs in ``integrations`` through ``pipeline``."""
        self.settings = settings
        self.integrations = integrations
        self.pipeline = pipeline
        self._given_provider = given_provider
        self._ratio = settings.sample_ratio

    def start_call(
        self,
        integration: Integration,
        endpoint: Endpoint,
        model: str | None,
        provider: str | None,
        current: Context,
        start_ns: int | None = None,
    ) -> Span | None:
        """Start the span of a call; None if the sampler says no.

        ``start_ns`` (unix) is when the call began, if that was not now.
        """
        if current and endpoint.operation in semconv.INFERENCE_OPERATIONS:
            _tell_above(current)
        users = self.provider()
        if users is None:
            return new_span(endpoint.operation, SpanKind.CLIENT, current, self._ratio)
        attributes: dict[str, Any] = {
            semconv.OPERATION_NAME: endpoint.operation,
            semconv.PROVIDER_NAME: provider or integration.default_provider,
        }
        if model is not None:
            attributes[semconv.REQUEST_MODEL] = model
        name = f"{endpoint.operation} {model}" if model else endpoint.operation
        return live.start(
            self.pipeline, users, name, SpanKind.CLIENT, attributes, current, start_ns
        )

    def start_step(self, name: str, attributes: Mapping[str, Any], current: Context) -> Span | None:
        """Start the span of one of the app's own steps; None if the sampler says no."""
        users = self.provider()
        if users is None:
            return new_span(name, SpanKind.INTERNAL, current, self._ratio)
        return live.start(self.pipeline, users, name, SpanKind.INTERNAL, attributes, current)

    def provider(self) -> TracerProvider | None:
        """Return the provider whose spans we make: the given one, the app's global one, or None."""
        if self._given_provider is not None:
            return self._given_provider
        # The public getter loads a provider named by the environment and costs five times as much;
        # it is asked only where the module's variable is gone.
        users: Any = getattr(trace, "_TRACER_PROVIDER", _ASK)
        return _ask() if users is _ASK else users

    def submit(self, ended: Call | Step) -> None:
        """Take an ended call or step in; it is turned into a span in the background.

        With a provider that exports synchronously it is done at once, as its users expect.
        """
        if ended.is_live and not ended.is_forgotten:
            users = self.provider()
            if users is not None and live.is_synchronous(users):
                self.pipeline.process_now(ended)
                return
        self.pipeline.submit(ended)


def _tell_above(current: Context) -> None:
    """Tell another tool's span that stands for this same call that it is counted by ours.

    A framework, or another instrumentor, may have a span with usage around the SDK's call, and send
    it to the same place as we do. Not if that tool has suppressed others meanwhile (Logfire does):
    its provider then drops our span, and the call would count nowhere.
    """
    if any(get_value(key, current) for key in _SUPPRESSED):
        return
    above: Any = trace.get_current_span(current)
    told: Any = getattr(above, "attributes", None)
    if not told or isinstance(above, OwnSpan):
        return
    is_a_call = (
        told.get(semconv.OPERATION_NAME) in semconv.INFERENCE_OPERATIONS
        or told.get(semconv.OPENINFERENCE_KIND) == "LLM"
    )
    scope: Any = getattr(above, "instrumentation_scope", None)
    if is_a_call and getattr(scope, "name", None) != semconv.SCOPE_NAME:
        above.set_attribute(semconv.COUNTED_BELOW, True)


_SUPPRESSED = (
    "suppress_instrumentation",
    # The name that instrumentations share; no public one is told.
    getattr(contexts, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation"),
)
_ASK = object()


def _ask() -> TracerProvider | None:
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) else provider
