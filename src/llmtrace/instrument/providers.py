"""Which provider answers at a host: one SDK speaks to many. Data, and one look-up.

Names are OpenTelemetry's ``gen_ai.provider.name`` values where it has one. A host that is not
listed (a gateway, a proxy, loopback) counts as the SDK's own provider.
"""

from __future__ import annotations

from typing import Final

_BY_HOST: Final = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "x_ai",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.perplexity.ai": "perplexity",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.fireworks.ai": "fireworks",
    "api.cerebras.ai": "cerebras",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "openrouter.ai": "openrouter",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "dashscope.aliyuncs.com": "alibaba",
    "dashscope-intl.aliyuncs.com": "alibaba",
    "router.huggingface.co": "huggingface",
}
_BY_SUFFIX: Final = (
    (".openai.azure.com", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.inference"),
    (".aiplatform.googleapis.com", "gcp.vertex_ai"),
    (".amazonaws.com", "aws.bedrock"),
    (".openai.com", "openai"),
    (".anthropic.com", "anthropic"),
)


def provider_of(host: str | None) -> str | None:
    """Return the provider at ``host``; None if the host says nothing."""
    if not host:
        return None
    known = _BY_HOST.get(host)
    if known is not None:
        return known
    return next((name for suffix, name in _BY_SUFFIX if host.endswith(suffix)), None)
