"""What a stored call is answered with, on the wire. Pure: bytes and headers, no HTTP library."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from llmtrace import semconv, wire
from llmtrace.errors import ReplayError

if TYPE_CHECKING:
    from llmtrace.replay.stored import JsonObject, StoredCall

_HTTP_ERROR: Final = 400
_DONE: Final = b"data: [DONE]\n\n"
_PATHS: Final = (
    ("/chat/completions", semconv.API_OPENAI_CHAT),
    ("/responses", semconv.API_OPENAI_RESPONSES),
    ("/embeddings", semconv.API_OPENAI_EMBEDDINGS),
    ("/v1/messages", semconv.API_ANTHROPIC_MESSAGES),
)
_ID_HEADERS: Final = {semconv.API_ANTHROPIC_MESSAGES: "request-id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedAnswer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFailure:
    """The connection failed, as it did when the call was recorded."""

    kind: Literal["timeout", "connection"]
    message: str


def api_of(method: str, path: str) -> str | None:
    """Return the API that a request is for; None if it is none that can be served."""
    if method.upper() != "POST":
        return None
    return next((api for ending, api in _PATHS if path.endswith(ending)), None)


def serve(call: StoredCall, request: JsonObject) -> ServedAnswer | ServedFailure:
    """Return what ``call`` was answered with, streamed if ``request`` asks for a stream.

    Raises ReplayError if the answer was not captured, or not whole.
    """
    body = call.response()
    status = call.http_status or 200
    if body is None:
        if call.error_type and not call.response_body:
            return _failure(call)
        if status >= _HTTP_ERROR and call.response_body:
            return ServedAnswer(
                status=status,
                headers=_headers(call, "text/plain"),
                content=call.response_body.encode(),
            )
        raise ReplayError(_unusable(call))
    if call.api == semconv.API_OPENAI_EMBEDDINGS and status < _HTTP_ERROR:
        raise ReplayError(
            f"{call.span_id} made embeddings, whose vectors are never stored; "
            "give the program vectors of your own"
        )
    if status < _HTTP_ERROR and request.get("stream") is True:
        return ServedAnswer(
            status=status,
            headers=_headers(call, "text/event-stream"),
            content=b"".join(_events(call, body, request)),
        )
    return ServedAnswer(
        status=status,
        headers=_headers(call, "application/json"),
        content=json.dumps(body, ensure_ascii=False).encode(),
    )


def _events(call: StoredCall, body: JsonObject, request: JsonObject) -> list[bytes]:
    options = request.get("stream_options")
    asked = isinstance(options, dict) and options.get("include_usage") is True  # pyright: ignore[reportUnknownMemberType]  # any JSON
    # a stream that stated usage without being asked (Mistral, Perplexity, …) does so again
    events = wire.synthesize_stream(call.api, body, include_usage=asked or call.is_stream)
    if call.stream_outcome == "failed" and events and events[-1] == _DONE:
        events.pop()
    return events


def _headers(call: StoredCall, content_type: str) -> dict[str, str]:
    headers = {
        "content-type": content_type,
        # the SDKs obey it: a stored failure is the end of its retries, and need not wait for more
        "x-should-retry": "false",
        "llmtrace-replayed-span": call.span_id,
    }
    if call.request_id and call.request_id.isascii() and call.request_id.isprintable():
        headers[_ID_HEADERS.get(call.api, "x-request-id")] = call.request_id
    return headers


def _failure(call: StoredCall) -> ServedFailure:
    name = call.error_type or ""
    return ServedFailure(
        kind="timeout" if "timeout" in name.lower() else "connection",
        message=f"{call.span_id} failed with {name} when it was recorded",
    )


def _unusable(call: StoredCall) -> str:
    if call.response_body:
        why = "was shortened (LLMTRACE_MAX_BODY_BYTES)" if call.is_truncated else "is no JSON"
        return f"the stored answer of {call.span_id} {why} and cannot be served"
    return (
        f"the answer of {call.span_id} was not captured; "
        "content is captured unless the app says capture_content='none'"
    )
