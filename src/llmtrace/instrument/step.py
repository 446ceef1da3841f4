"""One run of a step of the app's own: what ``trace`` notes, and the background thread reads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from llmtrace.instrument.spans import OwnSpan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span


class Step:
    """One run of a step, ended exactly once."""

    __slots__ = (
        "attributes",
        "attribution",
        "end_mono_ns",
        "error_type",
        "is_live",
        "name",
        "span",
        "start_mono_ns",
    )

    size_bytes = 0
    is_forgotten = False

    def __init__(
        self,
        name: str,
        attributes: Mapping[str, Any],
        span: Span,
        attribution: Mapping[str, str],
    ) -> None:
        """Start the step that ``span`` stands for."""
        self.name = name
        self.attributes = attributes
        self.span = span
        self.is_live = not isinstance(span, OwnSpan)
        self.attribution = attribution
        self.start_mono_ns = time.monotonic_ns()
        self.end_mono_ns = 0
        self.error_type: str | None = None
