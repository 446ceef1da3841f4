"""Names: which provider, model and tier of the price data a call means. Data and pure functions.

It never guesses a price: a name that nothing matches stays without one.
"""

from __future__ import annotations

import re
from typing import Final

PRICE_PROVIDERS: Final = {
    # OpenTelemetry's gen_ai.provider.name (and what SDKs call themselves) → genai-prices' id.
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "aws.bedrock": "aws",
    "bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "vertex_ai": "google",
    "gemini": "google",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot_ai": "moonshotai",
    "together_ai": "together",
    "together-ai": "together",
    "fireworks_ai": "fireworks",
    "voyage": "voyageai",
    "voyage_ai": "voyageai",
    "z_ai": "zai",
}

LOCAL_PROVIDERS: Final = frozenset(
    {"ollama", "vllm", "llama.cpp", "llamacpp", "llama_cpp", "lm_studio", "lmstudio", "localai"}
)
"""Programs that run a model on one's own machine: a call costs 0 USD, and that is a statement."""

STANDARD_TIERS: Final = frozenset({"", "default", "auto", "standard", "standard_only", "on_demand"})
"""Names of the tier whose price is the list price (OpenAI, Anthropic, Groq, Bedrock, Gemini)."""

_MAX_NAME: Final = 256

_VENDOR_PATH: Final = re.compile(r"^(?:.*/)?models/")
_BEDROCK_REGION: Final = re.compile(r"^(?:us|us-gov|eu|apac|jp|au|ca|global)\.(?=[a-z0-9-]+\.)")
_DATED: Final = re.compile(r"[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6})(?:-v\d+(?::\d+)?)?$")


def price_provider(provider: str) -> str:
    """Return the price data's id of an OpenTelemetry provider name; others stay as they are."""
    lowered = provider.strip().lower()
    return PRICE_PROVIDERS.get(lowered, lowered)


def is_local(provider: str, model: str) -> bool:
    """Say if a call costs nothing because it ran on one's own machine.

    Only the provider's name says so. Ollama's ``…-cloud`` models run at Ollama, not here.
    """
    return provider.strip().lower() in LOCAL_PROVIDERS and not model.endswith(("-cloud", ":cloud"))


def service_tier(name: str | None, *, batch: bool) -> tuple[str | None, bool]:
    """Return the tier, None for the standard one, and whether it is batch processing."""
    lowered = (name or "").strip().lower()[:_MAX_NAME]
    if lowered == "batch":  # Anthropic tells batch as a tier
        return None, True
    return (None if lowered in STANDARD_TIERS else lowered), batch


def model_names(model: str) -> tuple[str, ...]:
    """Return the names to look a model up by, the one it was called by first.

    Then without a path (``models/…``, ``projects/…/models/…``, ARNs), without a Bedrock region,
    without a vendor prefix, and last without a date. A later name is tried only if no earlier one
    is known, so that a snapshot with a price of its own never gets its family's.
    """
    name = model.strip().lower()[:_MAX_NAME]
    names = [name]
    if name.startswith("arn:"):
        names.append(name.rpartition("/")[2])
    names.append(_VENDOR_PATH.sub("", names[-1]))
    names.append(_BEDROCK_REGION.sub("", names[-1]))
    # A fine-tuned model ("ft:…") has a price of its own; its base model's would be wrong.
    if "/" in names[-1]:
        names.append(names[-1].rpartition("/")[2])
    names.extend([_DATED.sub("", each) for each in names])
    return tuple(dict.fromkeys(each for each in names if each))
