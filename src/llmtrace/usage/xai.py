"""Usage of xAI's gRPC API as JSON: reasoning beside the completion, tools by name.

``total_tokens`` = prompt + completion + reasoning. Cached text is inside the prompt. Every tool
call on the server is listed by name and has a fee of its own. Its HTTP API is OpenAI's.
Format: docs.x.ai, ``xai/api/v1/usage.proto``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.usage.algebra import normalize
from llmtrace.usage.counts import Counts, as_list, as_mapping
from llmtrace.usage.shape import Shape, amounts_of

if TYPE_CHECKING:
    from llmtrace.records import TokenUsage, UsageSource

SHAPE: Final = Shape(
    input=("prompt_tokens",),
    output=("completion_tokens",),
    total=("total_tokens",),
    cached=("cached_prompt_text_tokens",),
    input_image=("prompt_image_tokens",),
    reasoning=("reasoning_tokens",),
    beside=frozenset({"reasoning"}),
)

_TOOLS: Final = {
    "SERVER_SIDE_TOOL_WEB_SEARCH": "web_search",
    "SERVER_SIDE_TOOL_X_SEARCH": "x_search",
    "SERVER_SIDE_TOOL_CODE_EXECUTION": "code_execution",
    "SERVER_SIDE_TOOL_COLLECTIONS_SEARCH": "file_search",
    "SERVER_SIDE_TOOL_ATTACHMENT_SEARCH": "document_search",
}


def read(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a ``SamplingUsage``; None if it holds no count."""
    found = as_mapping(raw)
    counts = Counts()
    amounts = amounts_of(SHAPE, found, counts)
    if amounts is None:
        return None
    for tool in as_list(found.get("server_side_tools_used")):
        kind = _TOOLS.get(tool) if isinstance(tool, str) else None
        if kind is not None:
            amounts.requests[kind] = amounts.requests.get(kind, 0) + 1
    return normalize(amounts, counts, source)
