"""Google's other answers: embeddings, token counts, pictures, videos to be made, cached contents.

Shapes follow https://ai.google.dev/api and recorded traffic. Pure functions.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from llmtrace.testing.provider import openai
from llmtrace.testing.provider.events import JsonObject, as_list, as_object, as_text
from llmtrace.testing.provider.gemini import model_in_path, read_prompt
from llmtrace.testing.provider.gemini_usage import cache_name, cached_tokens, media_tokens
from llmtrace.testing.provider.metering import count_tokens
from llmtrace.testing.provider.route import Memory, Plain

if TYPE_CHECKING:
    from llmtrace.testing.provider.server import Received

_DIMENSIONS = 768
_PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()
_CREATED = "2026-01-15T09:30:00Z"
_EXPIRES = "2026-01-15T10:30:00Z"


def count(received: Received, _token: str, _memory: Memory) -> Plain:
    """Count the tokens of a prompt."""
    request = received.json_object()
    asked = as_object(request.get("generateContentRequest")) or request
    tokens = _prompt_tokens(asked)
    details = [{"modality": "TEXT", "tokenCount": tokens}]
    return Plain(body={"totalTokens": tokens, "promptTokensDetails": details})


def _prompt_tokens(request: JsonObject) -> int:
    text = "".join(segment.text for segment in read_prompt(request).segments)
    return count_tokens(text) + sum(media_tokens(request).values()) + cached_tokens(request)


def embed(received: Received, _token: str, _memory: Memory) -> Plain:
    """Embed one content."""
    request = received.json_object()
    vectors, tokens = _embedded([request])
    return Plain(body={"embedding": vectors[0], "usageMetadata": _usage(tokens)})


def embed_batch(received: Received, _token: str, _memory: Memory) -> Plain:
    """Embed each request's content."""
    requests = [as_object(each) for each in as_list(received.json_object().get("requests"))]
    vectors, tokens = _embedded(requests)
    return Plain(body={"embeddings": vectors, "usageMetadata": _usage(tokens)})


def _usage(tokens: int) -> JsonObject:
    details = [{"modality": "TEXT", "tokenCount": tokens}]
    return {"promptTokenCount": tokens, "promptTokensDetails": details, "totalTokenCount": tokens}


def _embedded(requests: list[JsonObject]) -> tuple[list[JsonObject], int]:
    texts = [_content_text(each.get("content")) for each in requests]
    config = as_object(requests[0].get("embedContentConfig")) or requests[0] if requests else {}
    return _vectors(texts, config.get("outputDimensionality")), sum(map(count_tokens, texts))


def _vectors(texts: list[str], dimensions: object) -> list[JsonObject]:
    size = dimensions if isinstance(dimensions, int) and dimensions > 0 else _DIMENSIONS
    body = openai.embeddings_body({"input": texts, "model": "embedding", "dimensions": size})
    return [{"values": item["embedding"]} for item in body["data"]]


def _content_text(content: object) -> str:
    parts = as_list(as_object(content).get("parts"))
    return "\n".join(as_text(as_object(part).get("text")) for part in parts)


def predict(received: Received, _token: str, _memory: Memory) -> Plain:
    """Draw pictures, or embed texts, by what the model is."""
    request = received.json_object()
    instances = [as_object(each) for each in as_list(request.get("instances"))]
    parameters = as_object(request.get("parameters"))
    if "embed" in model_in_path(received):
        texts = [as_text(each.get("content")) for each in instances]
        predictions = [
            {"embeddings": {**vector, "statistics": _statistics(text)}}
            for text, vector in zip(
                texts, _vectors(texts, parameters.get("outputDimensionality")), strict=True
            )
        ]
        billed = {"billableCharacterCount": sum(len("".join(text.split())) for text in texts)}
        return Plain(body={"predictions": predictions, "metadata": billed})
    number = parameters.get("sampleCount")
    drawn = {"mimeType": "image/png", "bytesBase64Encoded": _PICTURE}
    return Plain(body={"predictions": [drawn] * (number if isinstance(number, int) else 1)})


def _statistics(text: str) -> JsonObject:
    return {"token_count": float(count_tokens(text)), "truncated": False}


def start_video(received: Received, token: str, _memory: Memory) -> Plain:
    """Begin to make a video: the answer is an operation that is not done."""
    name = received.path.partition("/")[2].partition("/")[2].rpartition(":")[0]
    return Plain(body={"name": f"{name}/operations/{token[:12]}"})


def store_content(received: Received, token: str, _memory: Memory) -> Plain:
    """Keep a content; its name says how many tokens it holds."""
    request = received.json_object()
    tokens = _prompt_tokens(request)
    return Plain(
        body={
            "name": cache_name(token, tokens),
            "model": request.get("model"),
            "createTime": _CREATED,
            "updateTime": _CREATED,
            "expireTime": _EXPIRES,
            "usageMetadata": {"totalTokenCount": tokens},
        }
    )
