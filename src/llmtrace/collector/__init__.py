"""The collector: takes spans (spool, OTLP/HTTP), owns the store, answers queries.

``Collector`` runs it in this process, in threads; ``llmtrace collector`` is a shell around it.
"""

from __future__ import annotations

from llmtrace.collector.service import Collector, Task

__all__ = ["Collector", "Task"]
