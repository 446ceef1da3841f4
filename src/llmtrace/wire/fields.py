"""What is read out of a provider's request and answer, whatever the provider.

Records only. Every field is None, empty or False when the body does not say it, or says it in a
type that makes no sense: bodies come from outside and are never trusted to be well formed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFields:
    """What was asked for, beside the content."""

    model: str | None = None
    max_tokens: int | None = None
    """Upper limit of output tokens, under whichever of its names the API uses."""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop_sequences: tuple[str, ...] | None = None
    choice_count: int | None = None
    is_stream: bool | None = None
    service_tier: str | None = None
    encoding_format: str | None = None
    """Of embeddings: ``float`` or ``base64``."""
    dimensions: int | None = None
    """Of embeddings."""
    output_type: str | None = None
    """``text`` | ``json`` | ``speech``; None if the request leaves it open."""
    conversation_id: str | None = None
    """The provider's own conversation, never made up."""
    include_usage: bool | None = None
    """Whether a chat stream was asked to state its usage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFields:
    """What came back, beside the content."""

    id: str | None = None
    model: str | None = None
    finish_reasons: tuple[str, ...] = ()
    """The provider's own words, one per choice that has ended, in the order of the choices."""
    service_tier: str | None = None
    system_fingerprint: str | None = None
    usage: Mapping[str, object] | None = None
    """The provider's usage object as it is; of a stream, its pieces merged (last value wins)."""
    error_type: str | None = None
    """Code or type of an error object inside a body or stream, whatever the HTTP status."""
    error_message: str | None = None
    is_complete: bool = False
    """Nothing is missing: a plain body was read, or the stream's terminal event was seen."""
    output_text_chars: int = 0
    """Characters the model wrote: text, refusals, visible reasoning, arguments of tool calls."""
    problem: str | None = None
    """Why the body could not be read, or not wholly, in words for people; None if it could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedStream:
    """A stream of server-sent events, put together."""

    body: dict[str, object]
    """The JSON that the same call would have answered without streaming."""
    fields: ResponseFields
    usage_events: int = 0
    """How many events stated usage."""
    problem: str | None = None
    """Why the stream could not be read, or not wholly; None if it could. A cut is no problem."""
