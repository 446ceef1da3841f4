"""Alert rules: YAML in, states and messages out. See ``docs/alerts.md``.

``load_engine`` gives the collector what it runs; rules and the machine are usable without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.alerts.rules import load_rules
from llmtrace.alerts.runner import AlertRunner

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.config import Settings

__all__ = ["AlertRunner", "load_engine", "load_rules"]


def load_engine(
    rule_path: Path, settings: Settings, *, dashboard_url: str | None = None
) -> AlertRunner:
    """Return the task that evaluates the rule file or folder ``rule_path``.

    It is called with the store's writer and a stop event, and runs until that is set.
    With ``dashboard_url``, messages link to the traces they are about.
    Raises RuleError with every problem of the rules.
    """
    return AlertRunner(load_rules(rule_path), home=settings.home, dashboard_url=dashboard_url)
