"""Cohere's embed, rerank, generate, classify, summarize, parse, tokenize and sound; its routes.

Shapes follow https://docs.cohere.com/reference and recorded traffic. Pure functions.
"""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any

from llmtrace.testing.provider import openai, openai_media
from llmtrace.testing.provider.cohere import CHAT, CHAT_V1, MISSING, VENDOR, uuid_of
from llmtrace.testing.provider.events import JsonObject, as_list, as_object, as_text
from llmtrace.testing.provider.metering import count_tokens
from llmtrace.testing.provider.route import Memory, Plain, Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.testing.provider.server import Received

_DIMENSIONS = 1024
_SAID = "Ahoy! Here is what ye asked for."


def _meta(version: str, **units: int) -> JsonObject:
    return {"meta": {"api_version": {"version": version}, "billed_units": units}}


def _version(received: Received) -> str:
    return received.path[2]


def _embed(received: Received, token: str, _memory: Memory) -> Plain:
    request = received.json_object()
    texts = [as_text(text) for text in as_list(request.get("texts"))]
    size = request.get("output_dimension") or _DIMENSIONS
    asked: JsonObject = {"input": texts, "model": "", "dimensions": size}
    made = [item["embedding"] for item in openai.embeddings_body(asked)["data"]]
    kinds = [as_text(kind) for kind in as_list(request.get("embedding_types"))]
    told = _meta(_version(received), input_tokens=sum(map(count_tokens, texts)))
    head: JsonObject = {"id": uuid_of(token), "texts": texts, **told}
    if not kinds and _version(received) == "1":
        return Plain(body={**head, "embeddings": made, "response_type": "embeddings_floats"})
    by_type = {kind: [_as_kind(kind, vector) for vector in made] for kind in kinds or ["float"]}
    return Plain(body={**head, "embeddings": by_type, "response_type": "embeddings_by_type"})


def _as_kind(kind: str, vector: list[float]) -> Any:
    if kind == "base64":
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return vector if kind == "float" else [round(value * 127) for value in vector]


def _rerank(received: Received, token: str, _memory: Memory) -> Plain:
    documents = as_list(received.json_object().get("documents"))
    results = [
        {"index": index, "relevance_score": round(0.99 / (index + 1), 6)}
        for index in range(len(documents))
    ]
    told = _meta(_version(received), search_units=1 + len(documents) // 100)
    return Plain(body={"id": uuid_of(token), "results": results, **told})


def _generate(received: Received, token: str, _memory: Memory) -> Plain:
    prompt = as_text(received.json_object().get("prompt"))
    made = {"id": uuid_of(token[::-1]), "text": _SAID, "finish_reason": "COMPLETE"}
    told = _meta("1", input_tokens=count_tokens(prompt), output_tokens=count_tokens(_SAID))
    return Plain(body={"id": uuid_of(token), "generations": [made], "prompt": prompt, **told})


def _summarize(received: Received, token: str, _memory: Memory) -> Plain:
    text = as_text(received.json_object().get("text"))
    told = _meta("1", input_tokens=count_tokens(text), output_tokens=count_tokens(_SAID))
    return Plain(body={"id": uuid_of(token), "summary": _SAID, **told})


def _classify(received: Received, token: str, _memory: Memory) -> Plain:
    inputs = as_list(received.json_object().get("inputs"))
    found = [
        {
            "id": uuid_of(token),
            "input": text,
            "prediction": "spam",
            "predictions": ["spam"],
            "confidence": 0.9,
            "confidences": [0.9],
            "labels": {"spam": {"confidence": 0.9}},
            "classification_type": "single-label",
        }
        for text in inputs
    ]
    told = _meta("1", classifications=len(inputs))
    return Plain(body={"id": uuid_of(token), "classifications": found, **told})


def _parse(received: Received, token: str, _memory: Memory) -> Plain:
    del received
    page = {"index": 0, "content": "A page of text.", "markdown": "A page of text."}
    told = _meta("2", pages=1)
    return Plain(body={"id": uuid_of(token), "pages": [page], "finish_reason": "COMPLETE", **told})


def _tokenize(received: Received, _token: str, _memory: Memory) -> Plain:
    count = count_tokens(as_text(received.json_object().get("text")))
    return Plain(body={"tokens": list(range(count)), "token_strings": ["t"] * count})


def _listen(received: Received, _token: str, _memory: Memory) -> Plain:
    del received
    return Plain(body={"text": openai_media.HEARD})


def _needs(name: str) -> Callable[[JsonObject], tuple[str, str] | None]:
    def problem(request: JsonObject) -> tuple[str, str] | None:
        return None if as_object(request).get(name) else (name, MISSING.format(name))

    return problem


ROUTES = (
    Route(path="/v2/chat", vendor=VENDOR, dialect=CHAT),
    Route(path="/v1/chat", vendor=VENDOR, dialect=CHAT_V1),
    Route(path="/v[12]/embed", vendor=VENDOR, answer=_embed, problem=_needs("model")),
    Route(path="/v[12]/rerank", vendor=VENDOR, answer=_rerank, problem=_needs("query")),
    Route(path="/v1/generate", vendor=VENDOR, answer=_generate, problem=_needs("prompt")),
    Route(path="/v1/summarize", vendor=VENDOR, answer=_summarize, problem=_needs("text")),
    Route(path="/v1/classify", vendor=VENDOR, answer=_classify, problem=_needs("inputs")),
    Route(path="/v2/parse", vendor=VENDOR, answer=_parse, problem=_needs("document")),
    Route(path="/v1/tokenize", vendor=VENDOR, answer=_tokenize, problem=_needs("text")),
    Route(path="/v2/audio/transcriptions", vendor=VENDOR, answer=_listen, needs_json=False),
)
