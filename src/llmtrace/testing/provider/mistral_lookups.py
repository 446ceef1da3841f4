"""Mistral's embeddings, OCR, transcriptions, speech, moderations and models; its routes.

Shapes follow https://docs.mistral.ai/api and the SDK's models. Pure functions.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from llmtrace.testing.provider import mistral, openai, openai_media
from llmtrace.testing.provider.events import Event, JsonObject, as_list, as_text, text_pieces
from llmtrace.testing.provider.metering import count_tokens
from llmtrace.testing.provider.mistral import ROOT, VENDOR
from llmtrace.testing.provider.route import Memory, Plain, Route

if TYPE_CHECKING:
    from llmtrace.testing.provider.server import Received

_DIMENSIONS = 1024


def _embed(received: Received, token: str, _memory: Memory) -> Plain:
    request = received.json_object()
    given = request.get("input") or request.get("inputs")
    size = request.get("output_dimension") or _DIMENSIONS
    made = openai.embeddings_body({"input": given, "model": "", "dimensions": size})
    count = made["usage"]["prompt_tokens"]
    usage = {"prompt_tokens": count, "total_tokens": count, "completion_tokens": 0}
    model = as_text(request.get("model"))
    head: JsonObject = {"id": token[:32], "object": "list", "model": model, "usage": usage}
    return Plain(body={**head, "data": made["data"]})


def _read_pages(received: Received, _token: str, _memory: Memory) -> Plain:
    request = received.json_object()
    image = {"id": "img-0.jpeg", "image_base64": base64.b64encode(openai_media.PICTURE).decode()}
    corners = dict.fromkeys(("top_left_x", "top_left_y", "bottom_right_x", "bottom_right_y"), 1)
    page = {
        "index": 0,
        "markdown": "# A parcel\n\nTo be delivered to the back door.",
        "images": [{**image, **corners}],
        "dimensions": {"dpi": 200, "height": 2200, "width": 1700},
    }
    model = as_text(request.get("model"))
    told = {"pages_processed": 1, "doc_size_bytes": 1234}
    return Plain(body={"pages": [page], "model": model, "usage_info": told})


def _listen(received: Received, _token: str, _memory: Memory) -> Plain:
    form = openai_media.form_of(received)
    model = form.get("model", b"voxtral-mini-latest").decode()
    usage = {
        "prompt_audio_seconds": 4,
        "prompt_tokens": 4,
        "total_tokens": 4 + 375 + count_tokens(openai_media.HEARD),
        "completion_tokens": count_tokens(openai_media.HEARD),
    }
    body: JsonObject = {
        "model": model,
        "text": openai_media.HEARD,
        "language": "en",
        "segments": [],
        "usage": usage,
    }
    if form.get("stream", b"").lower() != b"true":
        return Plain(body=body)
    delta, done = "transcription.text.delta", "transcription.done"
    pieces = [
        Event({"type": delta, "text": piece}, delta) for piece in text_pieces(openai_media.HEARD)
    ]
    return Plain(body="", events=(*pieces, Event({"type": done, **body}, done)))


def _speak(received: Received, _token: str, _memory: Memory) -> Plain:
    del received
    return Plain(body={"audio_data": base64.b64encode(openai_media.SOUND).decode()})


def _judge(received: Received, token: str, _memory: Memory) -> Plain:
    request = received.json_object()
    given = request.get("input")
    count = len(as_list(given)) or 1
    result = {"categories": {"violence": False}, "category_scores": {"violence": 0.001}}
    if received.path.endswith("classifications"):
        result = {"topic": {"scores": {"parcels": 0.9}}}
    model = as_text(request.get("model"))
    return Plain(body={"id": token[:32], "model": model, "results": [result] * count})


def _models(received: Received, _token: str, _memory: Memory) -> Plain:
    del received
    return Plain(body={"object": "list", "data": []})


ROUTES = (
    Route(path=f"{ROOT}/chat/completions", vendor=VENDOR, dialect=mistral.CHAT),
    Route(path=f"{ROOT}/fim/completions", vendor=VENDOR, dialect=mistral.FIM),
    Route(path=f"{ROOT}/agents/completions", vendor=VENDOR, dialect=mistral.AGENTS),
    Route(
        path=f"{ROOT}/conversations(?:/[^/]+(?:/restart)?)?",
        vendor=VENDOR,
        dialect=mistral.CONVERSATIONS,
    ),
    Route(path=f"{ROOT}/embeddings", vendor=VENDOR, answer=_embed),
    Route(path=f"{ROOT}/ocr", vendor=VENDOR, answer=_read_pages),
    Route(path=f"{ROOT}/audio/transcriptions", vendor=VENDOR, answer=_listen, needs_json=False),
    Route(path=f"{ROOT}/audio/speech", vendor=VENDOR, answer=_speak),
    Route(path=f"{ROOT}/(?:chat/)?(?:moderations|classifications)", vendor=VENDOR, answer=_judge),
    Route(path=f"{ROOT}/models", vendor=VENDOR, method="GET", answer=_models),
)
