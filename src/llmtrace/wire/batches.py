"""Batches: the objects that OpenAI and Anthropic describe one with, and the lines of its results.

Follows https://platform.openai.com/docs/api-reference/batch and
https://docs.anthropic.com/en/api/creating-message-batches. A batch object states no usage that
counts: each of its results states its own (``read_results``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.wire.plain_format import PlainFormat
from llmtrace.wire.reading import (
    as_list,
    as_object,
    as_objects,
    error_of,
    int_of,
    is_object,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmtrace.wire.fields import ResponseFields
    from llmtrace.wire.reading import JsonObject

_API_OF_ENDPOINT: Final = {
    "/v1/chat/completions": semconv.API_OPENAI_CHAT,
    "/v1/completions": semconv.API_OPENAI_COMPLETIONS,
    "/v1/embeddings": semconv.API_OPENAI_EMBEDDINGS,
    "/v1/images/edits": semconv.API_OPENAI_IMAGES,
    "/v1/images/generations": semconv.API_OPENAI_IMAGES,
    "/v1/moderations": semconv.API_OPENAI_MODERATIONS,
    "/v1/responses": semconv.API_OPENAI_RESPONSES,
    "/v1/videos": semconv.API_OPENAI_VIDEOS,
}
_API_OF_OBJECT: Final = {
    "chat.completion": semconv.API_OPENAI_CHAT,
    "response": semconv.API_OPENAI_RESPONSES,
    "text_completion": semconv.API_OPENAI_COMPLETIONS,
    "list": semconv.API_OPENAI_EMBEDDINGS,
    "video": semconv.API_OPENAI_VIDEOS,
}
_HTTP_ERROR: Final = 400
_MAX_ID: Final = 256
_MAX_UNIX_S: Final = 253_402_300_799  # the end of the year 9999
_MAX_SEEN: Final = 1_000
"""Batches read from one list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchObject:
    """What a provider says of one batch."""

    id: str
    created_unix_s: float | None = None
    ended_unix_s: float | None = None
    api: str | None = None
    """Wire format of its requests; None if it does not say."""
    files: tuple[str, ...] = ()
    """Files that hold its results and errors (OpenAI)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """One line of a batch's results."""

    custom_id: str
    line_id: str
    """The provider's own id of the line, which is another in every batch; "" if it has none."""
    api: str | None
    """Wire format of ``body``, as far as it shows."""
    body: JsonObject | None
    """What the same call would have been answered alone; None where it was not answered."""
    status: int | None = None
    request_id: str | None = None
    error_type: str | None = None
    error_message: str | None = None


class _Batches(PlainFormat):
    def response_fields(self, body: JsonObject) -> ResponseFields:
        """Read an answer; the sums that it may state are those of its results, told there."""
        found = super().response_fields(body)
        status = text_of(body.get("status")) or text_of(body.get("processing_status"))
        return replace(found, usage=None, finish_reasons=() if status is None else (status,))


FORMAT: Final = _Batches("batches")


def read_batches(body: object) -> list[BatchObject]:
    """Return the batches that an answer describes: one, or those of a list."""
    found = as_object(body)
    listed = as_objects(found.get("data"))[:_MAX_SEEN]
    return [each for item in listed or [found] if (each := _batch(item)) is not None]


def _batch(item: JsonObject) -> BatchObject | None:
    name = _short(item.get("id"))
    is_batch = item.get("object") == "batch" or item.get("type") == "message_batch"
    if name is None or not is_batch:
        return None
    ended = next(
        (item[key] for key in ("completed_at", "ended_at", "expired_at") if item.get(key)), None
    )
    files = (_short(item.get("output_file_id")), _short(item.get("error_file_id")))
    is_anthropic = item.get("type") == "message_batch"
    return BatchObject(
        id=name,
        created_unix_s=unix_seconds(item.get("created_at")),
        ended_unix_s=unix_seconds(ended),
        api=semconv.API_ANTHROPIC_MESSAGES
        if is_anthropic
        else _API_OF_ENDPOINT.get(text_of(item.get("endpoint")) or ""),
        files=tuple(each for each in files if each is not None),
    )


def read_results(data: bytes) -> Iterator[BatchResult]:
    """Yield the results in JSON lines; what is no result, as a line that was cut, is left out.

    Lines are parsed one by one, when asked for: there may be a hundred megabytes of them.
    """
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        if end < 0:
            end = len(data)
        line = data[start:end].strip()
        start = end + 1
        if b'"custom_id"' not in line:
            continue
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError):
            continue
        found = _result(value) if is_object(value) else None
        if found is not None:
            yield found


def holds_results(data: bytes) -> bool:
    """Say whether ``data`` begins with a batch's result."""
    return (
        next(
            read_results(data[: data.find(b"\n", data.find(b'"custom_id"') + 1) + 1 or None]), None
        )
        is not None
    )


def _result(line: JsonObject) -> BatchResult | None:
    custom_id = _short(line.get("custom_id"))
    if custom_id is None:
        return None
    if is_object(line.get("result")):
        return _anthropic_result(custom_id, as_object(line["result"]))
    if "response" in line or "error" in line:
        return _openai_result(custom_id, line)
    return None


def _openai_result(custom_id: str, line: JsonObject) -> BatchResult:
    response = as_object(line.get("response"))
    body = as_object(response.get("body"))
    status = int_of(response.get("status_code"))
    error_type, error_message = error_of(line)
    if error_type is None:
        error_type, error_message = error_of(body)
    if error_type is None and status is not None and status >= _HTTP_ERROR:
        error_type = str(status)
    if error_type is None and not body:
        error_type, error_message = "invalid_response", "the result has neither answer nor error"
    return BatchResult(
        custom_id=custom_id,
        line_id=_short(line.get("id")) or "",
        api=_api_of(body),
        body=body or None,
        status=status,
        request_id=_short(response.get("request_id")),
        error_type=error_type,
        error_message=error_message,
    )


def _anthropic_result(custom_id: str, result: JsonObject) -> BatchResult:
    kind = text_of(result.get("type")) or "unknown"
    message = as_object(result.get("message"))
    error_type: str | None = None
    error_message: str | None = None
    if kind != "succeeded":
        outer = as_object(result.get("error"))  # an error body, or the error itself
        error_type, error_message = error_of(outer)
        if error_type is None:
            error_type, error_message = error_of(result)
        error_type = error_type or kind
    elif not message:
        error_type, error_message = "invalid_response", "the result has no message"
    return BatchResult(
        custom_id=custom_id,
        line_id="",
        api=semconv.API_ANTHROPIC_MESSAGES,
        body=message or None,
        error_type=error_type,
        error_message=error_message,
    )


def _api_of(body: JsonObject) -> str | None:
    if "results" in body and as_list(body.get("results")):
        return semconv.API_OPENAI_MODERATIONS
    return _API_OF_OBJECT.get(text_of(body.get("object")) or "")


def unix_seconds(value: object) -> float | None:
    """Return a time, told in unix seconds or as RFC 3339, in unix seconds; None for nonsense."""
    seconds: float | None = None
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    return seconds if seconds is not None and 0 < seconds <= _MAX_UNIX_S else None


def _short(value: object) -> str | None:
    """Return an id; what is too long to be one is cut, which leaves it as good a key."""
    text = text_of(value)
    return None if text is None else text[:_MAX_ID]
