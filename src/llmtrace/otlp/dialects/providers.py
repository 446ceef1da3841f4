"""What other tools call a provider → its ``gen_ai.provider.name``. Data and one pure look-up."""

from __future__ import annotations

from typing import Final

_NAMES: Final = {
    "amazon": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "aws": "aws.bedrock",
    "aws_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "anthropic-vertex": "gcp.vertex_ai",
    "az.ai.inference": "azure.ai.inference",
    "azure_ai": "azure.ai.inference",
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "gemini": "gcp.gemini",
    "generativeai": "gcp.gemini",
    "google": "gcp.gemini",
    "google-generativeai": "gcp.gemini",
    "google-gla": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google_generativeai": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "vertex": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "fireworks_ai": "fireworks",
    "grok": "x_ai",
    "xai": "x_ai",
    "hosted_vllm": "vllm",
    "huggingface_hub": "huggingface",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "moonshotai": "moonshot_ai",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "togetherai": "together",
    "watsonx": "ibm.watsonx.ai",
}
_WITH_DOTS: Final = (
    # Vercel names an API behind the provider: openai.responses, google.vertex.chat
    ("google.vertex", "gcp.vertex_ai"),
    ("google.generative-ai", "gcp.gemini"),
    ("vertex.anthropic", "gcp.vertex_ai"),
    ("azure-openai", "azure.ai.openai"),
)
_STANDARD_WITH_DOTS: Final = ("aws.", "azure.", "gcp.", "ibm.", "llama.")
_MAX_NAME: Final = 128
_OF_MODELS: Final = (
    (("gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-3", "text-embedding-ada"), "openai"),
    (("claude-",), "anthropic"),
    (("gemini-",), "gcp.gemini"),
    (("deepseek-",), "deepseek"),
    (("grok-",), "x_ai"),
)
"""Names that a maker gives its own models, for spans that say no provider."""


def provider_name(said: str) -> str:
    """Return the standard name of a provider; a name that none is known for, in lower case."""
    name = said.strip().lower()[:_MAX_NAME]
    if name in _NAMES:
        return _NAMES[name]
    if "." not in name:
        return name
    for prefix, standard in _WITH_DOTS:
        if name.startswith(prefix):
            return standard
    if name.startswith(_STANDARD_WITH_DOTS):
        # azure.chat, azure.responses are Vercel's; azure.ai.openai is the standard.
        return "azure.ai.openai" if name.startswith("azure.") and ".ai." not in name else name
    first = name.partition(".")[0]
    return _NAMES.get(first, first)


def provider_of_model(model: str) -> str | None:
    """Return who makes a model of that name and sells it by that name; None if it is not sure."""
    name = model.strip().lower()[:_MAX_NAME]
    return next((maker for prefixes, maker in _OF_MODELS if name.startswith(prefixes)), None)
