"""Spans that llmtrace makes itself, when the app has no tracer provider of its own.

``OwnSpan`` is a real ``opentelemetry.trace.Span``: ``get_current_span()`` inside an instrumented
call returns it, and what is set on it is recorded. It is far cheaper than the SDK's span because it
only notes things; the background thread turns it into bytes.
"""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import (
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from llmtrace.clock import wall_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.util.types import AttributeValue

# Not the module-level generator: a user's random.seed(42) must not repeat our ids.
# An id is never 0: that means "none". (``or 1`` where one is drawn.)
_ids = random.Random()  # noqa: S311  # ids, not secrets
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.seed)
_random_bits = _ids.getrandbits

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSAMPLED = TraceFlags(TraceFlags.DEFAULT)


class OwnSpan(Span):
    """Notes what happens to it; ``attributes`` and ``events`` are read once it has ended."""

    __slots__ = (
        "_context",
        "attributes",
        "end_mono_ns",
        "events",
        "kind",
        "name",
        "parent_span_id",
        "start_mono_ns",
        "start_ns",
        "status",
    )

    def __init__(self, name: str, kind: SpanKind, context: SpanContext, parent: int | None) -> None:
        """Start now; ``parent`` is the parent's span id, None for a root."""
        self._context = context
        self.parent_span_id = parent
        self.name = name
        self.kind = kind
        self.attributes: dict[str, AttributeValue] | None = None
        self.events: list[tuple[str, int, dict[str, AttributeValue]]] | None = None
        self.status: Status | None = None
        self.end_mono_ns = 0
        self.start_ns = wall_ns()
        self.start_mono_ns = time.monotonic_ns()

    def get_span_context(self) -> SpanContext:
        """Return the ids."""
        return self._context

    def is_recording(self) -> bool:
        """Return True until the span has ended."""
        return self.end_mono_ns == 0

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Note one attribute; ignored once the span has ended."""
        if self.end_mono_ns:
            return
        if self.attributes is None:
            self.attributes = {}
        self.attributes[str(key)] = value  # whatever it is: one odd key must not spoil a batch

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Note several attributes."""
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def add_event(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue] | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Note an event; ``timestamp`` is unix nanoseconds, now by default."""
        if self.end_mono_ns:
            return
        if self.events is None:
            self.events = []
        noted = {str(key): value for key, value in (attributes or {}).items()}
        self.events.append((str(name), timestamp or wall_ns(), noted))

    def update_name(self, name: str) -> None:
        """Rename the span."""
        self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Note the status; the last one wins, as long as the span has not ended."""
        if not self.end_mono_ns:
            self.status = status if isinstance(status, Status) else Status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, AttributeValue] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002  # OpenTelemetry's signature
    ) -> None:
        """Note an exception by class name; its message may hold content and is left out."""
        del escaped
        noted = {"exception.type": class_name(exception), **(attributes or {})}
        self.add_event("exception", noted, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End the span; a second call does nothing. ``end_time`` (unix ns) is not needed."""
        del end_time
        if not self.end_mono_ns:
            self.end_mono_ns = time.monotonic_ns()


def class_name(exception: BaseException) -> str:
    """Return the exception's class with its module, as ``openai.RateLimitError``."""
    kind = type(exception)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"


def new_span(name: str, kind: SpanKind, parent: Context, sample_ratio: float) -> OwnSpan | None:
    """Start a span below the context's current one; None if the trace is not sampled.

    A trace's fate is decided once: a child follows its parent, a root draws by its trace id, so
    that several processes agree on one trace.
    """
    above = trace.get_current_span(parent).get_span_context() if parent else None
    if above is not None and above.is_valid:
        if not above.trace_flags & TraceFlags.SAMPLED:
            return None
        span_id = _random_bits(64) or 1
        context = SpanContext(above.trace_id, span_id, False, _SAMPLED, above.trace_state)
        return OwnSpan(name, kind, context, above.span_id)
    trace_id = _random_bits(128) or 1
    if sample_ratio < 1.0 and (trace_id & 0xFFFF_FFFF_FFFF_FFFF) >= sample_ratio * 2.0**64:
        return None
    return OwnSpan(name, kind, SpanContext(trace_id, _random_bits(64) or 1, False, _SAMPLED), None)


def unsampled_context() -> SpanContext:
    """Return the ids of a trace that is not recorded, so that its children are not either."""
    return SpanContext(_random_bits(128) or 1, _random_bits(64) or 1, False, _UNSAMPLED)
