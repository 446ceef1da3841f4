"""Where OpenAI's API is found: below ``/v1``, Groq's ``/openai/v1``, or as Azure has it."""

from __future__ import annotations

from typing import Final

ROOT: Final = r"(?:(?:/openai)?/v1|/openai(?:/deployments/[^/]+)?)"
"""Regular expression of everything before ``/chat/completions`` and its siblings."""
