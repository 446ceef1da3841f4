"""Spans of the app's own tracer provider.

They are started with the provider's public API, so its sampler and its processors see them as any
other span. They are ended by the background thread, which has the attributes, with the end time
that the call had; a provider that exports synchronously (``SimpleSpanProcessor``: tests, consoles)
gets them ended before the call returns, as its users expect.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from llmtrace.instrument import guard
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind, Tracer, TracerProvider

    from llmtrace.instrument.pipeline import Pipeline


class _Known:
    """What we know of a provider we have met."""

    __slots__ = ("is_synchronous", "tracer")

    def __init__(self, tracer: Tracer, *, is_synchronous: bool) -> None:
        self.tracer = tracer
        self.is_synchronous = is_synchronous


_known: weakref.WeakKeyDictionary[Any, _Known] = weakref.WeakKeyDictionary()


def start(
    pipeline: Pipeline,
    provider: TracerProvider,
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, Any],
    current: Context,
    start_ns: int | None = None,
) -> Span | None:
    """Start a real span; None if the provider's sampler says no (the call is then not recorded)."""
    known = _known.get(provider)
    if known is None:
        known = _meet(pipeline, provider)
    span = known.tracer.start_span(name, current, kind, attributes, None, start_ns)
    return span if span.is_recording() else None


def is_synchronous(provider: TracerProvider) -> bool:
    """Return whether the provider exports a span the moment it ends."""
    known = _known.get(provider)
    return known is not None and known.is_synchronous


def _meet(pipeline: Pipeline, provider: TracerProvider) -> _Known:
    """Get a tracer, and make sure that a flush or shutdown of the provider waits for us."""
    known = _Known(
        provider.get_tracer("llmtrace", VERSION),
        is_synchronous=_exports_synchronously(provider),
    )
    _known[provider] = known
    try:
        _flush_first(pipeline, provider)
    except Exception:  # noqa: BLE001  # an unknown provider: its spans still end, later
        guard.fault("provider.flush")
    resource = getattr(provider, "resource", None)
    if resource is not None:
        pipeline.adopt_resource(resource.attributes)
    pipeline.flush_at_exit_before_others()
    return known


def forget() -> None:
    """Forget the providers met, when a new pipeline begins."""
    _known.clear()


_in_front: weakref.WeakKeyDictionary[Any, _EndWaiting] = weakref.WeakKeyDictionary()
"""Our processor in each provider met, one for good: nothing takes a processor out again."""


def _processors(provider: Any) -> tuple[Any, ...]:
    active = getattr(provider, "_active_span_processor", None)
    return tuple(getattr(active, "_span_processors", ()))


def _exports_synchronously(provider: TracerProvider) -> bool:
    return any(type(item).__name__ == "SimpleSpanProcessor" for item in _processors(provider))


def _flush_first(pipeline: Pipeline, provider: Any) -> None:
    """Put a processor in front that ends our waiting spans before the provider flushes its own."""
    ours = _in_front.get(provider)
    if ours is not None:
        ours.pipeline = pipeline
        return
    ours = _in_front[provider] = _EndWaiting(pipeline)
    active = provider._active_span_processor  # noqa: SLF001  # no public way to be first
    lock = active._lock  # noqa: SLF001  # the lock that add_span_processor takes
    with lock:
        active._span_processors = (ours, *active._span_processors)  # noqa: SLF001


class _EndWaiting:
    """A span processor that does nothing but flush our queue when the provider is flushed."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def on_start(self, span: object, parent_context: object = None) -> None:
        """Nothing to do."""

    def _on_ending(self, span: object) -> None:
        """Nothing to do (called by opentelemetry-sdk 1.30 and later)."""

    def on_end(self, span: object) -> None:
        """Nothing to do."""

    def shutdown(self) -> None:
        """End what waits, so that the processors after us can export it."""
        self.pipeline.end_waiting()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """End what waits, within the time given."""
        return self.pipeline.end_waiting(timeout_millis / 1000)
