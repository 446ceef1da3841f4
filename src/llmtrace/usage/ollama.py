"""Usage of Ollama: counts at the top level of its answer, without a total.

``prompt_eval_count`` may be absent when the prompt was in the cache of older versions: then the
input is unknown, and noted. Thinking is inside ``eval_count``. A call costs nothing.
Format: docs.ollama.com/api/usage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.usage.shape import Shape

if TYPE_CHECKING:
    from llmtrace.records import TokenUsage, UsageSource

GENERATE: Final = Shape(input=("prompt_eval_count",), output=("eval_count",))
EMBED: Final = Shape(input=("prompt_eval_count",))


def read_generate(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the counts of chat and generate; None without any (a model was loaded)."""
    return GENERATE.read(raw, source)


def read_embed(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read the counts of embed."""
    return EMBED.read(raw, source)
