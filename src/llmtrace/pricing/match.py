"""Names: which provider, model and tier of the price data a call means. Data and pure functions.

It never guesses a price: a name that nothing matches stays without one. A suffix is taken off only
where it does not change the price; what does (``-fp8``, ``:nitro``, ``ft:``) stays in the name.
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
    "azure_ai": "azure",
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
    "moonshot": "moonshotai",
    "together_ai": "together",
    "together-ai": "together",
    "fireworks_ai": "fireworks",
    "fireworks-ai": "fireworks",
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

_TIER_NAMES: Final = {
    # Google's usageMetadata.trafficType
    "on_demand_flex": "flex",
    "on_demand_priority": "priority",
}

PREFIXED: Final = frozenset({"litellm", "litellm_proxy"})
"""Their models are called ``provider/model``."""

HUGGINGFACE: Final = "huggingface"
"""Its router's models may be called ``model:provider``; the price is that provider's, with nothing
added (huggingface.co/docs/inference-providers/pricing)."""

_MAX_NAME: Final = 256

_VENDOR_PATH: Final = re.compile(r"^(?:.*/)?models/")
_LITELLM_ROUTE: Final = re.compile(r"^(?:converse|invoke|responses|chat)/")
_BEDROCK_REGION: Final = re.compile(
    r"^(?:us|us-gov|eu|apac|jp|au|ca|sa|me|af|in)\.(?=[a-z0-9-]+\.)"
)
"""Geographic inference profiles. Not ``global.``, which has prices of its own."""
_CONTEXT_SIZE: Final = re.compile(r"(?<=:\d):\d+k$")
"""``…-v1:0:200k``: a model of Bedrock with provisioned throughput and that context."""
_DEFAULT_VERSION: Final = re.compile(r"@(?:default|latest)$")
_DATED: Final = re.compile(r"[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6})(?:-v\d+(?::\d+)?)?$")
_FINE_TUNED: Final = re.compile(r"^(ft:[^:]+):")
"""``ft:base:org:name:id``: all fine-tuned models of a base have one price, never the base's."""
_BEDROCK_UNVERSIONED: Final = re.compile(r"^openai\.gpt-oss-(?:safeguard-)?\d+b$")


def price_provider(provider: str) -> str:
    """Return the price data's id of an OpenTelemetry provider name; others stay as they are."""
    lowered = provider.strip().lower()
    return PRICE_PROVIDERS.get(lowered, lowered)


def resolve(provider: str, model: str) -> tuple[str, str]:
    """Return whose price list a call is on, and the model's name there.

    Routers say in the model's name who answers: Hugging Face behind it (``model:provider``),
    LiteLLM before it (``provider/model``).
    """
    seller = price_provider(provider)
    if seller == HUGGINGFACE and ":" in model:
        name, _, behind = model.rpartition(":")
        return f"{HUGGINGFACE}_{behind.lower()}", name
    if seller.startswith(f"{HUGGINGFACE}_"):
        return seller, model.partition(":")[0]  # ":fastest" and the like chose that provider
    if seller in PREFIXED and "/" in model:
        behind, _, name = model.partition("/")
        return price_provider(behind), name
    return seller, model


def passed_on(seller: str) -> str | None:
    """Return whose prices a router passes on as they are; None: the seller has its own."""
    router, _, behind = seller.partition("_")
    return price_provider(behind) if router == HUGGINGFACE and behind else None


def is_local(provider: str, model: str) -> bool:
    """Say if a call costs nothing because it ran on one's own machine.

    Only the provider's name says so. Ollama's ``…-cloud`` models run at Ollama, not here.
    """
    return provider.strip().lower() in LOCAL_PROVIDERS and not model.endswith(("-cloud", ":cloud"))


def service_tier(name: str | None, *, batch: bool) -> tuple[str | None, bool]:
    """Return the tier, None for the standard one, and whether it is batch processing."""
    lowered = (name or "").strip().lower()[:_MAX_NAME]
    lowered = _TIER_NAMES.get(lowered, lowered)
    if lowered == "batch":  # Anthropic tells batch as a tier
        return None, True
    return (None if lowered in STANDARD_TIERS else lowered), batch


def model_names(model: str) -> tuple[str, ...]:
    """Return the names to look a model up by, the one it was called by first.

    Then without a path (``models/…``, ``projects/…/models/…``, ARNs), without a Bedrock geography,
    without a vendor prefix, and last without a date. A later name is tried only if no earlier one
    is known, so that a snapshot with a price of its own never gets its family's.
    """
    name = model.strip().lower()[:_MAX_NAME]
    names = [name]
    if name.startswith("arn:"):
        names.append(name.rpartition("/")[2])
    names.append(_LITELLM_ROUTE.sub("", names[-1]))
    names.append(_VENDOR_PATH.sub("", names[-1]))
    names.append(_DEFAULT_VERSION.sub("", names[-1]))
    names.append(_BEDROCK_REGION.sub("", names[-1]))
    names.append(_CONTEXT_SIZE.sub("", names[-1]))
    tuned = _FINE_TUNED.match(names[-1])
    if tuned:
        names.append(tuned.group(1))
        # Its own kind's, and never the base model's: no date is taken off, no vendor.
        return tuple(dict.fromkeys(each for each in names if each))
    if _BEDROCK_UNVERSIONED.match(names[-1]):
        names.append(f"{names[-1]}-1:0")
    # "@cf/…", "@hf/…" are Cloudflare's whole names: what is behind their path is another's.
    if "/" in names[-1] and not names[-1].startswith("@"):
        names.append(names[-1].rpartition("/")[2])
    names.extend([_DATED.sub("", each) for each in names])
    return tuple(dict.fromkeys(each for each in names if each))
