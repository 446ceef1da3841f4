"""What OpenAI's APIs share (errors, headers, model names), and embeddings and model lists.

Shapes follow https://platform.openai.com/docs/api-reference and recorded traffic. Pure functions.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct

from llmtrace.testing.provider.events import JsonObject, as_list, as_object, as_text
from llmtrace.testing.provider.metering import count_tokens
from llmtrace.testing.provider.records import Headroom, Tool, Vendor

SNAPSHOTS = {
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "o3": "o3-2025-04-16",
    "o3-mini": "o3-mini-2025-01-31",
    "o4-mini": "o4-mini-2025-04-16",
}
_EFFORT_TOKENS = {"none": 0, "minimal": 0, "low": 64, "medium": 128, "high": 256, "xhigh": 512}
_DIMENSIONS = {"text-embedding-3-large": 3072}
_DEFAULT_DIMENSIONS = 1536
_MAX_DIMENSIONS = 3072

_ERRORS: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "We could not parse the request."),
    401: (
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided. See https://platform.openai.com/account/api-keys.",
    ),
    403: ("invalid_request_error", "unsupported_country_region_territory", "Not available here."),
    404: (
        "invalid_request_error",
        "model_not_found",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    429: (
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for {model} on requests per min (RPM). Please try again later.",
    ),
    500: (
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
}


def error_body(status: int, model: str, message: str | None, _token: str) -> JsonObject:
    """Return the body of an error answer; ``message`` None gives the usual one for ``status``."""
    kind, code, usual = _ERRORS.get(status) or _ERRORS[500 if status >= 500 else 400]
    text = message if message is not None else usual.format(model=model)
    return {"error": {"message": text, "type": kind, "param": None, "code": code}}


def response_headers(token: str, spent_s: float, headroom: Headroom) -> dict[str, str]:
    """Return the headers that every answer carries."""
    return {
        "x-request-id": f"req_{token[:32]}",
        "openai-processing-ms": str(round(spent_s * 1000)),
        "openai-version": "2020-10-01",
        "openai-organization": "local",
        "x-ratelimit-limit-requests": str(headroom.limit_requests),
        "x-ratelimit-limit-tokens": str(headroom.limit_tokens),
        "x-ratelimit-remaining-requests": str(headroom.remaining_requests),
        "x-ratelimit-remaining-tokens": str(headroom.remaining_tokens),
        "x-ratelimit-reset-requests": _duration(headroom.reset_requests_s),
        "x-ratelimit-reset-tokens": _duration(headroom.reset_tokens_s),
    }


VENDOR = Vendor(error=error_body, headers=response_headers, snapshots=SNAPSHOTS)


def reasoning_tokens(model: str, effort: object) -> int:
    """Return how much ``model`` thinks at ``effort`` (None: medium); 0 if it does not reason."""
    if not re.match(r"o\d|gpt-5", model) or "chat" in model:
        return 0
    return _EFFORT_TOKENS.get(str(effort), _EFFORT_TOKENS["medium"])


def service_tier(request: JsonObject) -> str:
    """Return the tier an answer names: the one asked for, ``default`` if the choice was left."""
    asked = request.get("service_tier")
    return asked if isinstance(asked, str) and asked != "auto" else "default"


def allowed_tools(tools: list[Tool], choice: object) -> tuple[Tool, ...]:
    """Return the tools that ``tool_choice`` leaves: none, all, or the named one."""
    if choice == "none":
        return ()
    forced = as_object(choice)
    name = forced.get("name") or as_object(forced.get("function")).get("name")
    return tuple(tool for tool in tools if name in (None, tool.name))


def content_text(content: object) -> str:
    """Return the text of a message's content: a string, or parts of which text is kept."""
    parts = as_list(content)
    if not parts:
        return "" if content == [] else as_text(content)
    texts: list[str] = []
    for part in parts:
        fields = as_object(part)
        texts.append(as_text(fields.get("text", fields.get("refusal", fields))))
    return "\n".join(texts)


def find_embeddings_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what OpenAI answers 400 to; None if there is nothing."""
    if not request.get("input"):
        return "input", "Missing required parameter: 'input'."
    size = request.get("dimensions")
    if size is not None and not (isinstance(size, int) and 1 <= size <= _MAX_DIMENSIONS):
        return "dimensions", f"Invalid 'dimensions': from 1 to {_MAX_DIMENSIONS}."
    return None


def embeddings_body(request: JsonObject) -> JsonObject:
    """Embed each input: texts that share words get vectors that point the same way."""
    inputs = _embedding_inputs(request.get("input"))
    model = as_text(request.get("model"))
    size = int(request.get("dimensions") or _DIMENSIONS.get(model, _DEFAULT_DIMENSIONS))
    is_base64 = request.get("encoding_format") == "base64"
    vectors = [_embed(text, size) for text, _ in inputs]
    tokens = sum(count for _, count in inputs)
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _pack(vector) if is_base64 else vector,
            }
            for index, vector in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def models_body() -> JsonObject:
    """List the models that have a dated snapshot; any other name is accepted too."""
    names = sorted({*SNAPSHOTS, *SNAPSHOTS.values(), "text-embedding-3-small"})
    return {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": 1_715_367_049, "owned_by": "system"}
            for name in names
        ],
    }


def _duration(seconds: float) -> str:
    """Return seconds the way OpenAI's reset headers spell them: ``120ms``, ``1.443s``."""
    return f"{round(seconds * 1000)}ms" if seconds < 1 else f"{seconds:.3f}s"


def _embedding_inputs(value: object) -> list[tuple[str, int]]:
    """Return (text, tokens) an input; token arrays stand for themselves."""
    items = as_list(value)
    if not items:
        return [(as_text(value), count_tokens(as_text(value)))]
    if all(isinstance(item, int) for item in items):
        return [(" ".join(map(str, items)), len(items))]
    found: list[tuple[str, int]] = []
    for item in items:
        found += _embedding_inputs(item)
    return found


def _embed(text: str, size: int) -> list[float]:
    vector = [0.0] * size
    for word in re.findall(r"\w+", text.lower()) or [""]:
        digest = hashlib.sha256(word.encode()).digest()
        for at in range(0, 32, 4):
            (number,) = struct.unpack_from("<I", digest, at)
            vector[(number >> 1) % size] += 1.0 if number & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


def _pack(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
