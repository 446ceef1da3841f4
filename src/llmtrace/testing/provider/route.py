"""What one endpoint is: its path, its vendor, and what answers there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.testing.provider.events import Event, JsonObject
    from llmtrace.testing.provider.records import Dialect, Vendor
    from llmtrace.testing.provider.server import Received

Memory = dict[str, Any]
"""What one server remembers between look-ups (files, batches), by the route's own keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """The answer of a look-up."""

    body: JsonObject | bytes | str
    """JSON, or the bytes or text as they are."""
    status: int = 200
    content_type: str = "application/json"
    events: tuple[Event, ...] | None = None
    """Server-sent events to answer with in place of ``body``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One endpoint. Exactly one of ``dialect`` and ``answer`` is given."""

    path: str
    """Regular expression that the whole path matches."""
    vendor: Vendor
    method: str = "POST"
    dialect: Dialect | None = None
    answer: Callable[[Received, str, Memory], Plain] | None = None
    """(request, token, the server's memory) → answer; called under the server's lock."""
    problem: Callable[[JsonObject], tuple[str, str] | None] | None = None
    """As ``Dialect.problem``, for a look-up."""
    needs_json: bool = True
    """Whether a POST without a JSON object as body is refused; False for uploads."""

    def fits(self, received: Received) -> bool:
        """Tell whether this is the endpoint that a request is for."""
        return received.method == self.method and bool(re.fullmatch(self.path, received.path))
