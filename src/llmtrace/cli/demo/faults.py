"""What goes wrong in the demo: now and then a rate limit, an overload, a broken gateway.

Decided by the number of the request, so that every run shows the same.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

from llmtrace.testing.provider import Reply, faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.testing.provider import Received


def scripted_faults() -> Callable[[Received], Reply | None]:
    """Return a script for the local provider: most requests are answered naturally."""
    numbers = itertools.count(1)
    lock = threading.Lock()

    def reply(received: Received) -> Reply | None:
        if received.method != "POST":
            return None
        with lock:
            number = next(numbers)
        if number % 11 == 0:
            return faults.rate_limited(retry_after_s=0.05)
        if number % 23 == 0:
            return faults.refused(500)
        if number % 31 == 0 and received.path.endswith("/messages"):
            return faults.overloaded()
        return None

    return reply


def latency_s(received: Received) -> float:
    """Answer larger models a little later, as in life."""
    request = received.json_object()
    model = str(request.get("model", ""))
    if "embedding" in model:
        return 0.02
    return 0.25 if model in {"gpt-5", "claude-sonnet-4-6"} else 0.08
