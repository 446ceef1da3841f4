"""Looks up what a rule file only refers to: ``${env:NAME}``, ``${file:/path}``.

A secret is read when a message is sent, so that a rotated one is used at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace.config import Secret, environment_value

if TYPE_CHECKING:
    from llmtrace.alerts.model import SecretRef

_MAX_CHARACTERS = 10_000


def resolve(ref: SecretRef) -> Secret | None:
    """Return the secret, None if the variable is unset or empty, or the file not readable."""
    if ref.kind == "env":
        text = environment_value(ref.name) or ""
    else:
        try:
            with Path(ref.name).open(encoding="utf-8") as file:
                text = file.read(_MAX_CHARACTERS)
        except (OSError, UnicodeDecodeError, ValueError):
            return None
    return Secret(text.strip()) if text.strip() else None
