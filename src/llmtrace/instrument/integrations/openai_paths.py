"""The endpoints of OpenAI's API by path, for every SDK that speaks to one like it.

Paths are relative to the API's root, as ``/chat/completions``; an SDK with a prefix takes
it off first. Whole addresses, Azure's ``/deployments/{name}`` and ``?beta=true`` are understood
too. What the bodies mean is in ``wire``. Source: platform.openai.com/docs/api-reference.

Looking at a response or a video again, counting tokens and handling a batch are no inferences: they
are recorded, but nothing of them enters sums. Files, lists and uploads are not recorded, but for
files that turn out to be the results of a batch.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from llmtrace import semconv
from llmtrace.instrument.integrations._base import Endpoint

BATCH_STREAM_BYTES: Final = 60_000_000
"""Bytes of a batch's results that are kept until they are read: what the queue has room for."""

_TEXTUAL: Final = ("text/", "application/json", "application/x-ndjson")


def _text_as_json(data: bytes) -> bytes:
    from llmtrace.wire import openai_transcription  # noqa: PLC0415  # not at the app's start

    return openai_transcription.text_as_json(data)


def _is_no_file(content_type: str, content: bytes) -> bool:
    """Tell events, refusals and transcripts from sound and film."""
    del content
    return content_type.startswith(_TEXTUAL)


def _may_be_results(content_type: str, content: bytes) -> bool:
    """Tell a batch's results from other files; of a stream that begins, one cannot."""
    del content_type
    return not content or b'"custom_id"' in content[:4_000]


_CHAT: Final = Endpoint(api=semconv.API_OPENAI_CHAT, operation=semconv.OP_CHAT)
_RESPONSE: Final = Endpoint(api=semconv.API_OPENAI_RESPONSES, operation=semconv.OP_CHAT)
_IMAGES: Final = Endpoint(api=semconv.API_OPENAI_IMAGES, operation=semconv.OP_IMAGE_GENERATION)
_VIDEO: Final = Endpoint(api=semconv.API_OPENAI_VIDEOS, operation=semconv.OP_VIDEO_GENERATION)
_TRANSCRIPTION: Final = Endpoint(
    api=semconv.API_OPENAI_TRANSCRIPTION,
    operation=semconv.OP_TRANSCRIPTION,
    read_response=_text_as_json,
)
_BATCH: Final = Endpoint(api=semconv.API_OPENAI_BATCH, operation=semconv.OP_BATCH)
BATCH_FILE: Final = Endpoint(
    api=semconv.API_OPENAI_BATCH,
    operation=semconv.OP_BATCH,
    is_kept=_may_be_results,
    max_stream_bytes=BATCH_STREAM_BYTES,
    has_results=True,
)

_FETCH: Final = Endpoint(api=semconv.API_OPENAI_RESPONSES, operation=semconv.OP_FETCH_RESPONSE)
_FETCH_VIDEO: Final = Endpoint(api=semconv.API_OPENAI_VIDEOS, operation=semconv.OP_FETCH_RESPONSE)

_POSTED: Final = {
    "/chat/completions": _CHAT,
    "/responses": _RESPONSE,
    "/responses/compact": _RESPONSE,  # a model writes the summary: it is billed
    "/responses/input_tokens": Endpoint(
        api=semconv.API_OPENAI_RESPONSES, operation=semconv.OP_COUNT_TOKENS
    ),
    "/decisions": _RESPONSE,
    "/embeddings": Endpoint(api=semconv.API_OPENAI_EMBEDDINGS, operation=semconv.OP_EMBEDDINGS),
    "/completions": Endpoint(
        api=semconv.API_OPENAI_COMPLETIONS, operation=semconv.OP_TEXT_COMPLETION
    ),
    "/images/generations": _IMAGES,
    "/images/edits": _IMAGES,
    "/images/variations": _IMAGES,
    "/audio/speech": Endpoint(
        api=semconv.API_OPENAI_SPEECH, operation=semconv.OP_SPEECH, is_kept=_is_no_file
    ),
    "/audio/transcriptions": _TRANSCRIPTION,
    "/audio/translations": _TRANSCRIPTION,
    "/moderations": Endpoint(api=semconv.API_OPENAI_MODERATIONS, operation=semconv.OP_MODERATION),
    "/videos": _VIDEO,
    "/videos/edits": _VIDEO,
    "/videos/extensions": _VIDEO,
    "/batches": _BATCH,
}
_BY_PATTERN: Final = (
    ("get", re.compile(r"/responses/[^/]+"), _FETCH),
    ("post", re.compile(r"/responses/[^/]+/cancel"), _FETCH),
    ("get", re.compile(r"/videos/[^/]+"), _FETCH_VIDEO),
    ("post", re.compile(r"/videos/[^/]+/remix"), _VIDEO),
    ("get", re.compile(r"/batches(?:/[^/]+)?"), _BATCH),
    ("post", re.compile(r"/batches/[^/]+/cancel"), _BATCH),
    ("get", re.compile(r"/files/[^/]+/content"), BATCH_FILE),
)
_PREFIX: Final = re.compile(r"(?:https?://[^/]*)?(?:/openai)?(?:/v1)?(?:/deployments/[^/]+)?(?=/)")


def find_endpoint(method: str, url: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on the API's relative ``url`` is; None: not ours."""
    if method == "post":
        found = _POSTED.get(url)
        if found is not None:
            return found
    return _find(method, url)


@lru_cache(maxsize=512)
def _find(method: str, url: str) -> Endpoint | None:
    path = _PREFIX.sub("", url.partition("?")[0], count=1).rstrip("/")
    if method == "post" and path in _POSTED:
        return _POSTED[path]
    for wanted, pattern, endpoint in _BY_PATTERN:
        if wanted == method and pattern.fullmatch(path):
            return endpoint
    return None
