"""The groq SDK: OpenAI's API under a prefix of its own.

SDK: groq 1 (and 0). Wrapped: see ``stainless``. Groq states the tokens of a stream in ``x_groq`` of
the last chunk, and the tier (``on_demand``, ``flex``, ``performance``) in the answer.
Source: console.groq.com/docs/api-reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.instrument.integrations import openai_paths, stainless
from llmtrace.instrument.integrations._base import Integration

if TYPE_CHECKING:
    from llmtrace.instrument.integrations._base import Endpoint

_PREFIX: Final = "/openai/v1"


def find_endpoint(method: str, url: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on the SDK's relative ``url`` is; None: not ours."""
    return openai_paths.find_endpoint(method, url.removeprefix(_PREFIX))


INTEGRATION: Final = Integration(
    name="groq",
    distribution="groq",
    tested="groq >= 0.30, < 2",
    default_provider="groq",
    hooks={
        "groq._base_client": lambda module: stainless.patch_base_client(INTEGRATION, module),
    },
    find_endpoint=find_endpoint,
)
