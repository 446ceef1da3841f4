"""What is instrumented now: one recorder per process, or none. No logic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmtrace.instrument.recorder import Recorder

active: Recorder | None = None
"""Set by ``instrument()``, unset by ``uninstrument()``; read by every hook."""
