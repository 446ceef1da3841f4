"""Which of our wire formats a recorded exchange is in: by its endpoint, and where needed its host.

The recordings hold a path and a provider; the real integrations know it from the SDK's call.
"""

from __future__ import annotations

from typing import Any, Final

from llmtrace import semconv

_EXACT: Final = {
    "/realtime(ws)": semconv.API_OPENAI_REALTIME,
    "converse": semconv.API_BEDROCK_CONVERSE,
    "converse-stream": semconv.API_BEDROCK_CONVERSE,
    "invoke": semconv.API_BEDROCK_INVOKE,
    "invoke-with-response-stream": semconv.API_BEDROCK_INVOKE,
    ":generateContent": semconv.API_GEMINI_GENERATE,
    ":streamGenerateContent": semconv.API_GEMINI_GENERATE,
    ":embedContent": semconv.API_GEMINI_EMBED,
    ":batchEmbedContents": semconv.API_GEMINI_EMBED,
    "/interactions": semconv.API_GEMINI_INTERACTIONS,
    "/api/chat": semconv.API_OLLAMA_CHAT,
    "/api/generate": semconv.API_OLLAMA_GENERATE,
    "/api/embed": semconv.API_OLLAMA_EMBED,
    "/generate": semconv.API_COHERE_CHAT_V1,
    "/embed": semconv.API_COHERE_EMBED,
    "/rerank": semconv.API_COHERE_RERANK,
    "grpc:GetCompletion": semconv.API_XAI_CHAT,
    "grpc:GetCompletionChunk": semconv.API_XAI_CHAT,
    "/chat": semconv.API_OPENAI_CHAT,  # Writer
    "/openai": semconv.API_OPENAI_CHAT,  # Pollinations
    "/prompts/pp-weather-pr-b74c4f/completions": semconv.API_OPENAI_CHAT,  # Portkey
    "/responses/{id}": semconv.API_OPENAI_RESPONSES,
    "/responses/compact": semconv.API_OPENAI_RESPONSES,
    "/ml/v1-beta/generation/text": "watsonx.text",  # none of ours: read by its names
    "/ml/v1-beta/generation/text_stream": "watsonx.text",
}
_SUFFIX: Final = (
    ("/chat/completions", semconv.API_OPENAI_CHAT),
    ("/completions", semconv.API_OPENAI_COMPLETIONS),
    ("/responses", semconv.API_OPENAI_RESPONSES),
    ("/messages", semconv.API_ANTHROPIC_MESSAGES),
    ("/embeddings", semconv.API_OPENAI_EMBEDDINGS),
)
_BY_PROVIDER: Final = {
    ("mistral", semconv.API_OPENAI_CHAT): semconv.API_MISTRAL_CHAT,
    ("cohere", semconv.API_OPENAI_CHAT): semconv.API_COHERE_CHAT,
    ("google-gemini", semconv.API_OPENAI_REALTIME): semconv.API_GEMINI_LIVE,
    ("realtime", semconv.API_OPENAI_REALTIME): semconv.API_GEMINI_LIVE,
}


def api_of(row: dict[str, Any]) -> str | None:
    """Return the wire format of a recorded exchange; None for what is no inference."""
    endpoint = row["endpoint"]
    if "/ai/run/" in endpoint:  # Cloudflare, whose answer has OpenAI's usage
        return semconv.API_OPENAI_CHAT
    found = _EXACT.get(endpoint) or next(
        (api for suffix, api in _SUFFIX if endpoint.endswith(suffix)), None
    )
    api = _BY_PROVIDER.get((row["provider"], found or ""), found)
    if api == semconv.API_COHERE_CHAT and row["path"].startswith("/v1/"):
        return semconv.API_COHERE_CHAT_V1
    return api
