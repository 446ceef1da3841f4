"""The integrations by name. Importing this loads no SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.instrument.integrations import (
    anthropic,
    boto3,
    google_genai,
    groq,
    langchain,
    llama_index,
    mcp,
    ollama,
    openai,
    openai_agents,
    pydantic_ai,
    together,
    xai,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.instrument.integrations._base import Integration

INTEGRATIONS: Final[Mapping[str, Integration]] = {
    item.name: item
    for item in (
        openai.INTEGRATION,
        anthropic.INTEGRATION,
        boto3.INTEGRATION,
        google_genai.INTEGRATION,
        groq.INTEGRATION,
        langchain.INTEGRATION,
        llama_index.INTEGRATION,
        openai_agents.INTEGRATION,
        pydantic_ai.INTEGRATION,
        mcp.INTEGRATION,
        ollama.INTEGRATION,
        together.INTEGRATION,
        xai.INTEGRATION,
    )
}
