"""The service tier that a call was *served* at, out of the response. What it costs is not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.usage.counts import as_mapping
from llmtrace.usage.shape import value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_CHARACTERS: Final = 40

_PLACES: Final = (
    "service_tier",  # OpenAI, Groq, xAI
    "usage.service_tier",  # Anthropic, Mistral
    "serviceTier.type",  # Bedrock
    "usageMetadata.serviceTier",  # Gemini API
    "usageMetadata.trafficType",  # Vertex AI
)
_NAMES: Final = {
    # Vertex AI's traffic types, and the prefix of gRPC's enumerations, as the others say it
    "on_demand_priority": "priority",
    "on_demand_flex": "flex",
}


def read_service_tier(response: object) -> str | None:
    """Return the tier a response body names (``flex``, ``priority``, …), None if it names none.

    Anthropic's fast mode (``usage.speed``) has prices of its own and comes out as ``fast``.
    """
    body = as_mapping(response)
    if value_at(body, "usage.speed") == "fast":
        return "fast"
    return next((tier for place in _PLACES if (tier := _tier(body, place))), None)


def _tier(body: Mapping[str, object], place: str) -> str | None:
    value = value_at(body, place)
    if not isinstance(value, str) or not value:
        return None
    name = value[:_MAX_CHARACTERS]
    if place.startswith("usageMetadata"):
        name = name.lower()
    return _NAMES.get(name, name.removeprefix("SERVICE_TIER_").lower() if name.isupper() else name)
