"""One run of a step of the app or a framework: what is noted, and what the background reads."""

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
        "content",
        "end_mono_ns",
        "error_type",
        "is_live",
        "name",
        "sdk",
        "span",
        "start_mono_ns",
    )

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
        self.content: dict[str, str] | None = None
        """Attribute name → JSON or other text that goes through redaction: a tool's arguments."""
        self.sdk: str | None = None
        """Distribution of the framework whose structure this is; None for the app's own step."""

    @property
    def size_bytes(self) -> int:
        """Characters of ``content``, for the bounds of the queue."""
        return sum(map(len, self.content.values())) if self.content else 0
