"""Which endpoint a request is for: every provider module lists its routes, and this finds one.

A route is an inference (``dialect``: a prompt is read, answered and metered) or a look-up
(``answer``: token counts, lists, files, whatever has a body of its own). To add a provider, write a
module with ``ROUTES`` and name it in ``_ALL``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmtrace.testing.provider import anthropic, bedrock, clouds, openai
from llmtrace.testing.provider.anthropic import MESSAGES
from llmtrace.testing.provider.chat import CHAT
from llmtrace.testing.provider.responses import RESPONSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.testing.provider.events import JsonObject
    from llmtrace.testing.provider.records import Dialect, Vendor
    from llmtrace.testing.provider.server import Received

Memory = dict[str, Any]
"""What one server remembers between look-ups (files, batches), by the route's own keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """The answer of a look-up."""

    body: JsonObject | bytes | str
    """JSON, or the bytes or text as they are."""
    status: int = 200
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One endpoint. Exactly one of ``dialect`` and ``answer`` is given."""

    path: str
    """Regular expression that the whole path matches."""
    vendor: Vendor
    method: str = "POST"
    dialect: Dialect | None = None
    answer: Callable[[Received, str, Memory], Plain] | None = None
    """(request, token, the server's memory) → answer; called under the server's lock."""
    problem: Callable[[JsonObject], tuple[str, str] | None] | None = None
    """As ``Dialect.problem``, for a look-up."""
    needs_json: bool = True
    """Whether a POST without a JSON object as body is refused; False for uploads."""

    def fits(self, received: Received) -> bool:
        """Tell whether this is the endpoint that a request is for."""
        return received.method == self.method and bool(re.fullmatch(self.path, received.path))


def _is_anthropic(received: Received) -> bool:
    return received.path.startswith("/v1/messages") or "anthropic-version" in received.headers


def _embed(received: Received, _token: str, _memory: Memory) -> Plain:
    return Plain(body=openai.embeddings_body(received.json_object()))


def _count(received: Received, _token: str, _memory: Memory) -> Plain:
    return Plain(body=anthropic.count_body(received.json_object()))


def _count_bedrock(received: Received, _token: str, _memory: Memory) -> Plain:
    return Plain(body=bedrock.count_body(received.json_object()))


def _models(received: Received, _token: str, _memory: Memory) -> Plain:
    return Plain(body=anthropic.models_body() if _is_anthropic(received) else openai.models_body())


_OPENAI = (
    # Groq has the same below a prefix of its own.
    Route(path="(?:/openai)?/v1/chat/completions", vendor=openai.VENDOR, dialect=CHAT),
    Route(path="/v1/responses", vendor=openai.VENDOR, dialect=RESPONSES),
    Route(
        path="(?:/openai)?/v1/embeddings",
        vendor=openai.VENDOR,
        answer=_embed,
        problem=openai.find_embeddings_problem,
    ),
    Route(path="/v1/models", vendor=openai.VENDOR, method="GET", answer=_models),
)
_ANTHROPIC = (
    Route(path="/v1/messages", vendor=anthropic.VENDOR, dialect=MESSAGES),
    Route(path="/v1/messages/count_tokens", vendor=anthropic.VENDOR, answer=_count),
    Route(path=clouds.VERTEX_PATH, vendor=anthropic.VENDOR, dialect=clouds.VERTEX_MESSAGES),
    Route(path=clouds.COUNT_PATH, vendor=anthropic.VENDOR, answer=_count),
)
_BEDROCK = (
    Route(
        path="/model/[^/]+/converse(-stream)?", vendor=bedrock.VENDOR, dialect=bedrock.CONVERSE
    ),
    Route(
        path="/model/[^/]+/invoke(-with-response-stream)?",
        vendor=bedrock.VENDOR,
        dialect=bedrock.INVOKE,
    ),
    Route(path="/model/[^/]+/count-tokens", vendor=bedrock.VENDOR, answer=_count_bedrock),
)
_ALL: tuple[Route, ...] = (*_OPENAI, *_ANTHROPIC, *_BEDROCK)


def find_route(received: Received) -> Route | None:
    """Return the endpoint that ``received`` is for; None if there is no such thing."""
    return next((route for route in _ALL if route.fits(received)), None)


def vendor_of(received: Received) -> Vendor:
    """Return whose errors and headers answer a request, also one that no route is for."""
    route = find_route(received)
    if route is None or route.path == "/v1/models":
        return anthropic.VENDOR if _is_anthropic(received) else openai.VENDOR
    return route.vendor
