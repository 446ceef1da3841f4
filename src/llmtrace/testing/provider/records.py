"""What is asked and what is answered, in no provider's shape; each API module translates."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal

from llmtrace.testing.provider.events import as_text, encode_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.testing.provider.events import Event, JsonObject
    from llmtrace.testing.provider.server import Received


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of the prompt, in the order in which the provider reads (and caches) it."""

    text: str
    cache_ttl_s: int | None = None
    """Seconds for which the prompt up to here may be cached; None: not a cache breakpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may call."""

    name: str
    parameters: JsonObject
    """JSON Schema of the arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A request, reduced to what decides the answer and the token counts."""

    segments: tuple[Segment, ...]
    user_text: str
    """Text of the last user message."""
    tool_results: tuple[str, ...] = ()
    """Results after the last assistant message; not empty means the model must now answer."""
    tools: tuple[Tool, ...] = ()
    """Those that may be called; empty when the request forbids calls."""
    is_parallel: bool = True
    schema: JsonObject | None = None
    """JSON Schema that the answer's text must satisfy; None for free text."""
    max_tokens: int | None = None
    reasoning_tokens: int = 0
    """How much the model thinks first, by the effort asked for."""
    wants_reasoning: bool = False
    """Whether thinking is part of the answer, or only of the bill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool; ``arguments`` is JSON text, as the model wrote it."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model says."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    refusal: str | None = None
    is_truncated: bool = False
    """Cut by the request's token limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Tokens of one request; the input parts are disjoint."""

    input_uncached: int
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output_text: int = 0
    reasoning: int = 0

    @property
    def input_all(self) -> int:
        """Everything in, as OpenAI counts it."""
        return self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def output_all(self) -> int:
        """Everything out, reasoning included, as both providers count it."""
        return self.output_text + self.reasoning


class UsageFrom(Enum):
    """Where an answer's ``usage`` comes from when no literal value is scripted."""

    COUNTS = "counts"
    NOWHERE = "nowhere"
    """The field is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One request with everything its answer is rendered from."""

    token: str
    """40 hex digits, unique in one server; every id in the answer is made of it."""
    created_at: int
    """Unix seconds."""
    request: JsonObject
    model: str
    """As the answer names it; a dated snapshot where the provider resolves aliases."""
    answers: tuple[Answer, ...]
    """One a choice; only OpenAI's chat endpoint has more than one."""
    counts: Counts
    usage: object = UsageFrom.COUNTS
    """A literal JSON value for ``usage`` (null, partial, wrong types …), or a UsageFrom."""

    def usage_field(self, natural: JsonObject) -> JsonObject:
        """Return what to merge into the object that carries ``usage``."""
        if self.usage is UsageFrom.NOWHERE:
            return {}
        return {"usage": natural if self.usage is UsageFrom.COUNTS else self.usage}


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What the rate-limit headers of one answer say."""

    limit_requests: int
    remaining_requests: int
    limit_tokens: int
    remaining_tokens: int
    reset_requests_s: float
    """Seconds until the requests are full again."""
    reset_tokens_s: float
    now_unix: float


def _asks_to_stream(received: Received) -> bool:
    return received.json_object().get("stream") is True


def _named_in_body(received: Received) -> str:
    return as_text(received.json_object().get("model"))


def _one(_request: JsonObject) -> int:
    return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One inference API as pure functions."""

    name: str
    """``chat`` | ``responses`` | ``messages``; what ``Reply.edit`` is told."""
    problem: Callable[[JsonObject], tuple[str, str] | None]
    """(parameter, message) of the first mistake in a request that answers 400; None if fine."""
    read: Callable[[JsonObject], Prompt]
    body: Callable[[Turn], JsonObject]
    events: Callable[[Turn], list[Event]]
    is_stream: Callable[[Received], bool] = _asks_to_stream
    model: Callable[[Received], str] = _named_in_body
    """The model asked for: in the body, or in the path."""
    caching: Literal["automatic", "marked"] = "automatic"
    """Prompts are cached by themselves (OpenAI and most), or where the request says so."""
    choices: Callable[[JsonObject], int] = _one
    """How many answers a request asks for."""
    encode: Callable[[Event], bytes] = encode_event
    """Frames one event of a stream: server-sent events, or lines, or AWS frames."""
    stream_type: str = "text/event-stream; charset=utf-8"
    """Content type of a stream."""


def _none(_status: int) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """What all APIs of one provider share, as pure functions."""

    error: Callable[[int, str, str | None, str], JsonObject]
    """(status, model, message or None for the usual one, token) → error body."""
    headers: Callable[[str, float, Headroom], dict[str, str]]
    """(token, seconds spent, headroom) → response headers."""
    error_headers: Callable[[int], dict[str, str]] = _none
    """Status of an error → the headers that only such an answer has."""
    snapshots: dict[str, str] = field(default_factory=dict[str, str])
    """Model alias → the dated name that answers carry."""
    needs_key: bool = True
    """Whether a request without a key is refused; local servers ask for none."""
