"""The service tier that a call was *served* at, out of the response. What it costs is not ours."""

from __future__ import annotations

from llmtrace.usage.counts import as_mapping

_MAX_CHARACTERS = 40


def read_service_tier(response: object) -> str | None:
    """Return the tier a response body names (``flex``, ``priority``, …), None if it names none.

    OpenAI says it at the top, Anthropic and Mistral in ``usage``. Anthropic's fast mode
    (``usage.speed``) has prices of its own and comes out as ``fast``.
    """
    body = as_mapping(response)
    usage = as_mapping(body.get("usage"))
    if usage.get("speed") == "fast":
        return "fast"
    for value in (body.get("service_tier"), usage.get("service_tier")):
        if isinstance(value, str) and value:
            return value[:_MAX_CHARACTERS]
    return None
