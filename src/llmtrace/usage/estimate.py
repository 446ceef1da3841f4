"""Counting tokens ourselves, when a stream carried no usage. Always marked ``estimated``.

With ``tiktoken`` installed and its encoding on this machine, its count (``tokenizer``); else one
token per four characters of Latin text and one per character of scripts without spaces. Both leave
out the few tokens that a provider adds around each message, hence an estimate. Never used where the
provider counted.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

from llmtrace.records import TokenUsage
from llmtrace.usage.tokenizer import token_counter

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

CHARACTERS_PER_TOKEN: Final = 4
"""OpenAI's rule of thumb for English ("one token is about four characters"), help.openai.com."""

_FIRST_DENSE: Final = 0x2E80
"""From CJK radicals on, scripts run at about one token a character."""

_MAX_CHARACTERS: Final = 400_000
"""Beyond it the rule is applied even if tiktoken is there: it takes 1 s for some 4 MB."""


def estimate_usage(input_text: str, output_text: str, *, model: str | None = None) -> TokenUsage:
    """Estimate what a call consumed from the text that went in and came out.

    ``source`` is ``estimated`` and the anomaly says how it was counted. Never raises.
    """
    encode = token_counter(model)
    how = "tiktoken" if encode else f"{CHARACTERS_PER_TOKEN} characters a token"
    return TokenUsage(
        input_uncached=_count(input_text, encode),
        output_text=_count(output_text, encode),
        source="estimated",
        anomaly=f"the provider sent no usage; estimated from the text ({how})",
    )


def _count(text: str, encode: Callable[[str], int] | None) -> int:
    if encode is not None and len(text) <= _MAX_CHARACTERS:
        try:
            return encode(text)
        except Exception:  # noqa: BLE001  # a foreign tokenizer must not cost us the record
            logger.debug("tokenizer failed on %d characters", len(text))
    dense = sum(1 for character in text if ord(character) >= _FIRST_DENSE)
    return dense + math.ceil((len(text) - dense) / CHARACTERS_PER_TOKEN)
