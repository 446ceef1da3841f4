"""What Google's usage objects say: the parts of ``usageMetadata``, by modality and by tier.

Pictures, sound and documents count by themselves: a picture is 258 tokens, anything else 32.
An explicitly cached content says in its own name how many tokens it holds (``cache_name``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llmtrace.testing.provider.events import JsonObject, as_list, as_object, as_text

if TYPE_CHECKING:
    from llmtrace.testing.provider.records import Counts

IMAGE_TOKENS = 258
OTHER_TOKENS = 32
_CACHE = re.compile(r"cachedContents/t(\d+)-\w+$")
_KINDS = {"image": "IMAGE", "audio": "AUDIO", "video": "VIDEO"}


def cache_name(token: str, tokens: int) -> str:
    """Return the name of a cached content of ``tokens`` tokens."""
    return f"cachedContents/t{tokens}-{token[:20]}"


def media_tokens(request: JsonObject) -> dict[str, int]:
    """Return the tokens of a request's pictures, sounds, films and documents, by modality."""
    found: dict[str, int] = {}
    for content in map(as_object, as_list(request.get("contents"))):
        for part in map(as_object, as_list(content.get("parts"))):
            data = as_object(part.get("inlineData") or part.get("fileData"))
            if data:
                mime = as_text(data.get("mimeType") or data.get("mime_type"))
                kind = _KINDS.get(mime.partition("/")[0], "DOCUMENT")
                count = IMAGE_TOKENS if kind == "IMAGE" else OTHER_TOKENS
                found[kind] = found.get(kind, 0) + count
    return found


def cached_tokens(request: JsonObject) -> int:
    """Return the tokens of the cached content that a request names; 0 if it names none."""
    found = _CACHE.search(as_text(request.get("cachedContent")))
    return int(found[1]) if found else 0


def usage_object(counts: Counts, request: JsonObject, *, is_vertex: bool) -> JsonObject:
    """Return ``usageMetadata``: cached input inside the prompt, thoughts beside the candidates."""
    media = media_tokens(request)
    stored = cached_tokens(request)
    prompt = counts.input_all + stored + sum(media.values())
    by_modality = {"TEXT": counts.input_all + stored, **media}
    usage: JsonObject = {"promptTokenCount": prompt}
    if counts.output_text:
        usage["candidatesTokenCount"] = counts.output_text
    usage["totalTokenCount"] = prompt + counts.output_all
    if cached := counts.cache_read + stored:
        usage["cachedContentTokenCount"] = cached
        usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": cached}]
    usage["promptTokensDetails"] = [
        {"modality": kind, "tokenCount": count} for kind, count in by_modality.items()
    ]
    if counts.reasoning:
        usage["thoughtsTokenCount"] = counts.reasoning
    tier = as_text(request.get("serviceTier")).lower().removeprefix("service_tier_")
    if is_vertex:
        usage["trafficType"] = f"ON_DEMAND_{tier.upper()}" if tier else "ON_DEMAND"
        if counts.output_text:
            usage["candidatesTokensDetails"] = [
                {"modality": "TEXT", "tokenCount": counts.output_text}
            ]
    else:
        usage["serviceTier"] = tier or "standard"
    return usage
