"""Providers' wire formats as pure functions: JSON and server-sent events in, records out.

Every function takes an ``api`` (a ``semconv.API_*`` name) and what was on the wire. Bodies are
hostile: none of these functions raises for anything a server or an application may have sent.
They return what can be known, with a note of what was wrong. No network, no clock, no SDK.

What the numbers in a usage object mean is not decided here but in ``llmtrace.usage``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from llmtrace import semconv
from llmtrace.wire import (
    anthropic_count_tokens,
    anthropic_messages,
    batches,
    bedrock_agent,
    bedrock_converse,
    bedrock_invoke,
    cohere_chat,
    cohere_chat_v1,
    cohere_meta,
    framework,
    gemini_embed,
    gemini_generate,
    gemini_interactions,
    gemini_live,
    gemini_predict,
    gemini_stream,
    mistral_chat,
    mistral_conversations,
    mistral_media,
    ollama,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_images,
    openai_moderations,
    openai_realtime,
    openai_responses,
    openai_speech,
    openai_transcription,
    openai_videos,
    xai_chat,
)
from llmtrace.wire.aws_eventstream import looks_like_eventstream, parse_eventstream
from llmtrace.wire.fields import MergedStream, RequestFields, ResponseFields
from llmtrace.wire.media import leave_media_out
from llmtrace.wire.parts import written_text
from llmtrace.wire.reading import (
    as_object,
    is_object,
)
from llmtrace.wire.sse import SseEvent, looks_like_sse, parse_sse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from llmtrace.records import Message
    from llmtrace.wire.sse import Merged

__all__ = [
    "SUPPORTED_APIS",
    "MergedStream",
    "RequestFields",
    "ResponseFields",
    "input_messages",
    "looks_streamed",
    "merge_stream",
    "output_messages",
    "output_text",
    "parse_sse",
    "request_fields",
    "response_fields",
    "strip_vectors",
    "strip_vectors_json",
    "synthesize_stream",
    "tool_definitions",
    "usage_of_request",
    "with_headers",
]


class _WireFormat(Protocol):
    """What each API's module offers; all of it total functions on JSON objects."""

    def request_fields(self, body: Mapping[str, object]) -> RequestFields: ...
    def response_fields(self, body: Mapping[str, object]) -> ResponseFields: ...
    def merge_events(self, events: list[SseEvent]) -> Merged: ...
    def input_messages(
        self, body: Mapping[str, object]
    ) -> tuple[list[Message], list[Mapping[str, object]]]: ...
    def output_messages(self, body: Mapping[str, object]) -> list[Message]: ...
    def tool_definitions(self, body: Mapping[str, object]) -> list[Mapping[str, object]]: ...
    def synthesize_stream(
        self, body: Mapping[str, object], *, include_usage: bool
    ) -> list[bytes]: ...


_FORMATS: Final[dict[str, _WireFormat]] = {
    semconv.API_OPENAI_CHAT: openai_chat,
    semconv.API_OPENAI_RESPONSES: openai_responses,
    semconv.API_OPENAI_EMBEDDINGS: openai_embeddings,
    semconv.API_OPENAI_COMPLETIONS: openai_completions,
    semconv.API_OPENAI_IMAGES: openai_images,
    semconv.API_OPENAI_TRANSCRIPTION: openai_transcription,
    semconv.API_OPENAI_SPEECH: openai_speech,
    semconv.API_OPENAI_MODERATIONS: openai_moderations.FORMAT,
    semconv.API_OPENAI_VIDEOS: openai_videos.FORMAT,
    semconv.API_OPENAI_BATCH: batches.FORMAT,
    semconv.API_ANTHROPIC_BATCH: batches.FORMAT,
    semconv.API_ANTHROPIC_COUNT_TOKENS: anthropic_count_tokens.FORMAT,
    semconv.API_ANTHROPIC_MESSAGES: anthropic_messages,
    semconv.API_BEDROCK_AGENT: bedrock_agent,
    semconv.API_BEDROCK_CONVERSE: bedrock_converse,
    semconv.API_BEDROCK_INVOKE: bedrock_invoke,
    semconv.API_OPENAI_REALTIME: openai_realtime,
    semconv.API_XAI_CHAT: xai_chat,
    semconv.API_GEMINI_GENERATE: gemini_generate,
    semconv.API_GEMINI_EMBED: gemini_embed,
    semconv.API_GEMINI_INTERACTIONS: gemini_interactions,
    semconv.API_GEMINI_LIVE: gemini_live,
    semconv.API_GEMINI_PREDICT: gemini_predict,
    semconv.API_COHERE_CHAT: cohere_chat,
    semconv.API_COHERE_CHAT_V1: cohere_chat_v1,
    semconv.API_COHERE_EMBED: cohere_meta.EMBED,
    semconv.API_COHERE_PARSE: cohere_meta.PARSE,
    semconv.API_COHERE_RERANK: cohere_meta.RERANK,
    semconv.API_FRAMEWORK: framework,
    semconv.API_MISTRAL_CHAT: mistral_chat,
    semconv.API_MISTRAL_CONVERSATIONS: mistral_conversations,
    semconv.API_MISTRAL_OCR: mistral_media.OCR,
    semconv.API_MISTRAL_TRANSCRIPTION: mistral_media.TRANSCRIPTION,
    semconv.API_OLLAMA_CHAT: ollama,
    semconv.API_OLLAMA_GENERATE: ollama,
    semconv.API_OLLAMA_EMBED: ollama.EMBED,
}

_USAGE_OF_REQUEST: Final = {
    semconv.API_BEDROCK_AGENT: bedrock_agent.usage_of_request,
    semconv.API_OPENAI_SPEECH: openai_speech.usage_of_request,
}
_WITH_MEDIA: Final = frozenset(
    {semconv.API_OPENAI_IMAGES, semconv.API_OPENAI_SPEECH, semconv.API_MISTRAL_OCR}
)


class _WithVectors(Protocol):
    """What a module offers whose answers hold vectors, or pictures as long."""

    def strip_vectors(self, body: Mapping[str, object]) -> Mapping[str, object]: ...
    def strip_vectors_json(self, body: bytes) -> bytes: ...


_WITH_VECTORS: Final[dict[str, _WithVectors]] = {
    semconv.API_OPENAI_EMBEDDINGS: openai_embeddings,
    semconv.API_COHERE_EMBED: cohere_meta.EMBED,
    semconv.API_GEMINI_EMBED: gemini_embed,
    semconv.API_GEMINI_PREDICT: gemini_predict,
    semconv.API_OLLAMA_EMBED: ollama.EMBED,
}

SUPPORTED_APIS: Final = frozenset(_FORMATS)


class _Framing(NamedTuple):
    """How the events of a stream are told apart."""

    parse: Callable[[bytes], list[SseEvent]]
    fits: Callable[[bytes], bool]
    """Whether bytes are a stream at all; a refusal is plain JSON, whatever was asked for."""


_SSE: Final = _Framing(parse_sse, looks_like_sse)
_FRAMINGS: Final[dict[str, _Framing]] = {
    semconv.API_ANTHROPIC_MESSAGES: _Framing(
        bedrock_invoke.any_events, bedrock_invoke.looks_like_any
    ),
    semconv.API_BEDROCK_AGENT: _Framing(parse_eventstream, looks_like_eventstream),
    semconv.API_BEDROCK_CONVERSE: _Framing(parse_eventstream, looks_like_eventstream),
    semconv.API_BEDROCK_INVOKE: _Framing(bedrock_invoke.model_events, looks_like_eventstream),
    semconv.API_COHERE_CHAT_V1: _Framing(
        cohere_chat_v1.parse_lines, cohere_chat_v1.looks_like_lines
    ),
    semconv.API_GEMINI_GENERATE: _Framing(gemini_stream.parse_events, gemini_stream.looks_streamed),
    semconv.API_GEMINI_LIVE: _Framing(gemini_live.parse_lines, gemini_live.looks_like_lines),
    semconv.API_OLLAMA_CHAT: _Framing(ollama.parse_lines, ollama.looks_like_lines),
    semconv.API_OLLAMA_GENERATE: _Framing(ollama.parse_lines, ollama.looks_like_lines),
    semconv.API_XAI_CHAT: _Framing(xai_chat.parse_lines, xai_chat.looks_like_lines),
}
"""Of the APIs that do not stream server-sent events (lines of JSON, AWS event streams)."""


def request_fields(api: str, body: object) -> RequestFields:
    """Read the parameters of a request from its parsed JSON ``body``."""
    found = _FORMATS.get(api)
    return RequestFields() if found is None else found.request_fields(as_object(body))


def response_fields(api: str, body: object) -> ResponseFields:
    """Read an answer from the parsed JSON ``body`` of a plain response or a merged stream.

    A body taken for plain is complete if it is a JSON object; see ``merge_stream`` for streams.
    """
    found = _FORMATS.get(api)
    if found is None:
        return ResponseFields(problem=f"unknown API {api!r}")
    if not is_object(body):
        return ResponseFields(problem=f"body is {type(body).__name__}, not a JSON object")
    return found.response_fields(as_object(body))


def usage_of_request(api: str, body: object) -> Mapping[str, object] | None:
    """Return what a request is billed by where no answer says it, as characters to be spoken.

    None where that is unknown, or the answer's to say.
    """
    find = _USAGE_OF_REQUEST.get(api)
    return None if find is None else find(as_object(body))


def with_headers(
    api: str, fields: ResponseFields, headers: Iterable[tuple[bytes, bytes]]
) -> ResponseFields:
    """Return ``fields`` with what the API tells in the headers of an answer, not in its body."""
    if api != semconv.API_BEDROCK_INVOKE:
        return fields
    return bedrock_invoke.with_headers(fields, headers)


def looks_streamed(api: str, data: bytes) -> bool:
    """Say whether ``data`` is framed as this API frames a stream, rather than one JSON body."""
    return _FRAMINGS.get(api, _SSE).fits(data)


def merge_stream(api: str, sse: bytes) -> MergedStream:
    """Put the server-sent events ``sse`` (content-decoded bytes) together.

    A stream that was cut gives what had arrived, with ``fields.is_complete`` False.
    """
    found = _FORMATS.get(api)
    if found is None:
        problem = f"unknown API {api!r}"
        return MergedStream(body={}, fields=ResponseFields(problem=problem), problem=problem)
    merged = found.merge_events(_FRAMINGS.get(api, _SSE).parse(sse))
    fields = replace(
        found.response_fields(merged.body),
        is_complete=merged.is_complete,
        problem=merged.problem,
    )
    return MergedStream(
        body=merged.body,
        fields=fields,
        usage_events=merged.usage_events,
        problem=merged.problem,
    )


def input_messages(
    api: str, request_body: object
) -> tuple[list[Message], list[Mapping[str, object]]]:
    """Return the conversation sent, and the parts of instructions given apart from it."""
    found = _FORMATS.get(api)
    return ([], []) if found is None else found.input_messages(as_object(request_body))


def output_messages(api: str, response_body: object) -> list[Message]:
    """Return what the model answered, one message a choice, from a plain or merged body."""
    found = _FORMATS.get(api)
    return [] if found is None else found.output_messages(as_object(response_body))


def output_text(api: str, response_body: object) -> str:
    """Return all that the model wrote, as text: what its tokens can be estimated from."""
    messages = output_messages(api, response_body)
    return "".join(written_text(part) for message in messages for part in message.parts)


def tool_definitions(api: str, request_body: object) -> list[Mapping[str, object]]:
    """Return the tools offered to the model, each with ``type`` and, if it has one, ``name``."""
    found = _FORMATS.get(api)
    return [] if found is None else found.tool_definitions(as_object(request_body))


def synthesize_stream(api: str, body: Mapping[str, object], *, include_usage: bool) -> list[bytes]:
    """Return server-sent events from which an unmodified SDK rebuilds exactly ``body``.

    ``include_usage`` matters to chat alone: its streams state usage only when asked to.
    Raises ValueError for an API that has no streams.
    """
    found = _FORMATS.get(api)
    if found is None:
        raise ValueError(f"no stream format is known for API {api!r}")
    return found.synthesize_stream(body, include_usage=include_usage)


def strip_vectors(api: str, body: object) -> object:
    """Return ``body`` with each embedding replaced by ``{"dimensions": n, "encoding": …}``.

    Vectors are large and nobody reads them: they are never kept. Other bodies come back as is.
    """
    found = _WITH_VECTORS.get(api)
    return body if found is None or not is_object(body) else found.strip_vectors(as_object(body))


def strip_vectors_json(api: str, body: bytes) -> bytes:
    """Do the same to unparsed JSON, without building a float: several times faster.

    Of image and speech APIs, it is the base64 that goes, also from events of a stream.
    """
    if api in _WITH_MEDIA:
        return leave_media_out(body)
    found = _WITH_VECTORS.get(api)
    return body if found is None else found.strip_vectors_json(body)
