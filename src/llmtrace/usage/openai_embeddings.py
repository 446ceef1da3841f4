"""Usage of OpenAI embeddings, and of hosts with the same format: input only.

Format: platform.openai.com/docs/api-reference/embeddings. Voyage and others send only the total.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.records import TokenUsage
from llmtrace.usage.counts import Counts, as_mapping

if TYPE_CHECKING:
    from llmtrace.records import UsageSource


def read(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read an embedding's ``usage``; None if it holds neither input nor total."""
    found = as_mapping(raw)
    counts = Counts()
    given = counts.take(found, "prompt_tokens", "input_tokens")
    made = counts.take(found, "completion_tokens") or 0  # vLLM and Cohere's compatible API send it
    total = counts.take(found, "total_tokens")
    if given is None and total is None:
        return None
    if given is None:
        given = max((total or 0) - made, 0)
    elif total is not None and total != given + made:
        counts.note(f"total tokens are {total}, input and output are {given + made}")
    return counts.finish(TokenUsage(input_uncached=given, output_text=made), source)
