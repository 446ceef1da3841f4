"""What Cohere's formats share: usage inside ``meta``, errors that are a bare message, plain forms.

Follows https://docs.cohere.com/reference. ``meta`` has what is billed beside the version of the API
and warnings. Embed, rerank and parse answer with one JSON object and stream nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.records import Message
from llmtrace.wire import parts, vectors
from llmtrace.wire.fields import RequestFields, ResponseFields
from llmtrace.wire.plain_format import PlainFormat
from llmtrace.wire.reading import as_list, as_object, error_of, int_of, is_object, text_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.wire.reading import JsonObject

_USAGE: Final = ("billed_units", "tokens", "cached_tokens")


def usage_in_meta(body: JsonObject) -> JsonObject | None:
    """Return what ``meta`` says of usage, None if it says nothing."""
    meta = as_object(body.get("meta"))
    return {key: meta[key] for key in _USAGE if meta.get(key) is not None} or None


def error_in(body: JsonObject) -> tuple[str | None, str | None]:
    """Return (type, message) of an error: Cohere's is an id and a message, which is a string."""
    message = body.get("message")
    if isinstance(message, str) and "text" not in body:
        return "error", message[:2_000]
    return error_of(body)


class _MetaFormat(PlainFormat):
    """One JSON object with its usage in ``meta``; the answer names no model."""

    def response_fields(self, body: JsonObject) -> ResponseFields:
        """Read an answer."""
        error_type, error_message = error_in(body)
        reason = text_of(body.get("finish_reason"))
        return ResponseFields(
            id=text_of(body.get("id")),
            model=text_of(body.get("model")),
            finish_reasons=(reason,) if reason else (),
            # Together's and Voyage's rerank speak this format, with OpenAI's usage
            usage=usage_in_meta(body) or as_object(body.get("usage")) or None,
            error_type=error_type,
            error_message=error_message,
            is_complete=True,
        )


class _Embed(_MetaFormat):
    """``embed`` of both versions: texts or images in, vectors out, which are never kept."""

    def request_fields(self, body: JsonObject) -> RequestFields:
        """Read the parameters of a request."""
        kinds = texts_of(body.get("embedding_types"))
        return RequestFields(
            model=text_of(body.get("model")),
            dimensions=int_of(body.get("output_dimension")),
            encoding_format=kinds[0] if kinds else None,
        )

    def input_messages(self, body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
        """Return each text, picture or mixture as a user's message."""
        found = [parts.text_part(text) for text in texts_of(body.get("texts")) or ()]
        found += [parts.media_part("image", url) for url in texts_of(body.get("images")) or ()]
        messages = [Message(role="user", parts=(part,)) for part in found]
        for item in as_list(body.get("inputs")):
            content = content_parts(as_object(item).get("content"))
            messages.append(Message(role="user", parts=tuple(content)))
        return messages, []

    def strip_vectors(self, body: JsonObject) -> JsonObject:
        """Return ``body`` with each vector replaced by its number of dimensions."""
        if "embeddings" not in body:
            return body
        return {**body, "embeddings": vectors.strip(body["embeddings"])}

    def strip_vectors_json(self, body: bytes) -> bytes:
        """Do the same to JSON that is not parsed."""
        return vectors.strip_json(body)


class _Rerank(_MetaFormat):
    """``rerank``: a query and documents in, their order out; billed by searches."""

    def input_messages(self, body: JsonObject) -> tuple[list[Message], list[Mapping[str, object]]]:
        """Return the query as a user's message; the documents stay in the body."""
        query = text_of(body.get("query"))
        return [Message(role="user", parts=(parts.text_part(query),))] if query else [], []


def content_parts(content: object) -> list[parts.Part]:
    """Read the ``content`` of a message of the second API: a string, or a list of typed blocks."""
    if isinstance(content, str):
        return [parts.text_part(content)] if content else []
    return [_block(block) for block in as_list(content) if is_object(block)]


def _block(block: JsonObject) -> parts.Part:
    kind = text_of(block.get("type"))
    if kind == "text":
        return parts.text_part(text_of(block.get("text")) or "")
    if kind == "thinking":
        return parts.reasoning_part(text_of(block.get("thinking")) or "")
    if kind == "image_url":
        url = block.get("image_url")
        return parts.media_part("image", text_of(url) or text_of(as_object(url).get("url")) or "")
    return parts.other_part(block)


EMBED: Final = _Embed("embeddings")
RERANK: Final = _Rerank("reranked documents")
PARSE: Final = _MetaFormat("parsed documents")
