"""The collector: takes spans (spool, OTLP/HTTP), owns the store, answers queries.

``Collector`` runs it in this process, in threads; ``llmtrace collector`` is a shell around it.
It is loaded when it is first used: who only asks for the ports need not load a server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.lazy_names import lazy_names

if TYPE_CHECKING:
    from llmtrace.collector.service import Collector, Task

__all__ = ["Collector", "Task"]

if not TYPE_CHECKING:  # a name that is not listed is an error to the type checker
    __getattr__ = lazy_names(
        __name__, {"Collector": "llmtrace.collector.service", "Task": "llmtrace.collector.service"}
    )
