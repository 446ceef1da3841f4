"""Which endpoint a request is for: every provider module lists its routes, and this finds one.

A route is an inference (``dialect``: a prompt is read, answered and metered) or a look-up
(``answer``: token counts, lists, files, whatever has a body of its own). To add a provider, write a
module with ``ROUTES`` and name it in ``_ALL``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.testing.provider import (
    anthropic,
    batches,
    bedrock,
    clouds,
    cohere_lookups,
    gemini_routes,
    mistral_lookups,
    ollama,
    openai,
    openai_completions,
    openai_media,
    responses,
)
from llmtrace.testing.provider.anthropic import MESSAGES
from llmtrace.testing.provider.chat import CHAT
from llmtrace.testing.provider.openai_root import ROOT
from llmtrace.testing.provider.responses import RESPONSES
from llmtrace.testing.provider.route import Memory, Plain, Route

if TYPE_CHECKING:
    from llmtrace.testing.provider.records import Vendor
    from llmtrace.testing.provider.server import Received


def _is_anthropic(received: Received) -> bool:
    return received.path.startswith("/v1/messages") or "anthropic-version" in received.headers


def _embed(received: Received, _token: str, _memory: Memory) -> Plain:
    return Plain(body=openai.embeddings_body(received.json_object()))


def _count(received: Received, _token: str, _memory: Memory) -> Plain:
    return Plain(body=anthropic.count_body(received.json_object()))


def _count_bedrock(received: Received, _token: str, _memory: Memory) -> Plain:
    return Plain(body=bedrock.count_body(received.json_object()))


def _count_input(received: Received, _token: str, _memory: Memory) -> Plain:
    return Plain(body=responses.count_body(received.json_object()))


def _compact(received: Received, token: str, _memory: Memory) -> Plain:
    return Plain(body=responses.compaction_body(received.json_object(), token))


def _models(received: Received, _token: str, _memory: Memory) -> Plain:
    return Plain(body=anthropic.models_body() if _is_anthropic(received) else openai.models_body())


_OPENAI = (
    Route(path=f"{ROOT}/chat/completions", vendor=openai.VENDOR, dialect=CHAT),
    Route(path=f"{ROOT}/responses", vendor=openai.VENDOR, dialect=RESPONSES),
    Route(
        path=f"{ROOT}/embeddings",
        vendor=openai.VENDOR,
        answer=_embed,
        problem=openai.find_embeddings_problem,
    ),
    Route(path=f"{ROOT}/responses/input_tokens", vendor=openai.VENDOR, answer=_count_input),
    Route(path=f"{ROOT}/responses/compact", vendor=openai.VENDOR, answer=_compact),
    Route(path="/v1/models", vendor=openai.VENDOR, method="GET", answer=_models),
    *openai_completions.ROUTES,
    *openai_media.ROUTES,
    *batches.ROUTES,
)
_ANTHROPIC = (
    Route(path="/v1/messages", vendor=anthropic.VENDOR, dialect=MESSAGES),
    Route(path="/v1/messages/count_tokens", vendor=anthropic.VENDOR, answer=_count),
    Route(path=clouds.VERTEX_PATH, vendor=anthropic.VENDOR, dialect=clouds.VERTEX_MESSAGES),
    Route(path=clouds.COUNT_PATH, vendor=anthropic.VENDOR, answer=_count),
)
_BEDROCK = (
    Route(path="/model/[^/]+/converse(-stream)?", vendor=bedrock.VENDOR, dialect=bedrock.CONVERSE),
    Route(
        path="/model/[^/]+/invoke(-with-response-stream)?",
        vendor=bedrock.VENDOR,
        dialect=bedrock.INVOKE,
    ),
    Route(path="/model/[^/]+/count-tokens", vendor=bedrock.VENDOR, answer=_count_bedrock),
)
_ALL: tuple[Route, ...] = (
    *_OPENAI,
    *_ANTHROPIC,
    *_BEDROCK,
    *gemini_routes.ROUTES,
    *cohere_lookups.ROUTES,
    *mistral_lookups.ROUTES,
    *ollama.ROUTES,
)


def find_route(received: Received) -> Route | None:
    """Return the endpoint that ``received`` is for; None if there is no such thing."""
    return next((route for route in _ALL if route.fits(received)), None)


def vendor_of(received: Received) -> Vendor:
    """Return whose errors and headers answer a request, also one that no route is for."""
    route = find_route(received)
    if route is None or route.path == "/v1/models":
        return anthropic.VENDOR if _is_anthropic(received) else openai.VENDOR
    return route.vendor
