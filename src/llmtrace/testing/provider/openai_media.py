"""OpenAI's images, speech, transcriptions, moderations and videos, as look-ups. Pure functions.

Shapes follow https://platform.openai.com/docs/api-reference and the SDK's own types. Pictures and
sound are a few bytes that say what they are; nobody looks at or listens to them here.
"""

from __future__ import annotations

import base64
from email import message_from_bytes
from typing import TYPE_CHECKING

from llmtrace.testing.provider import openai
from llmtrace.testing.provider.events import Event, JsonObject, as_list, as_text, text_pieces
from llmtrace.testing.provider.metering import count_tokens
from llmtrace.testing.provider.openai_root import ROOT
from llmtrace.testing.provider.route import Memory, Plain, Route

if TYPE_CHECKING:
    from llmtrace.testing.provider.server import Received

SOUND = b"ID3\x04" + b"\x00\x01local sound" * 400
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\x00local picture" * 300
HEARD = "Please deliver my parcel to the back door."
HEARD_SECONDS = 3.2
CREATED_AT = 1_760_000_000
_IMAGE_TOKENS = 1056
_PER_TOKEN_MODELS = ("gpt-image", "chatgpt-image")


def form_of(received: Received) -> dict[str, bytes]:
    """Return the fields of a multipart form, files too, by name; empty if it is none."""
    kind = received.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return {}
    whole = message_from_bytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + received.body)
    found: dict[str, bytes] = {}
    for part in whole.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found[name] = content
    return found


def _field(received: Received, name: str) -> str:
    """Return a field of a request, sent as JSON or as a form; "" if it is missing."""
    if received.json_object():
        return as_text(received.json_object().get(name))
    return form_of(received).get(name, b"").decode()


def _image(received: Received, _token: str, _memory: Memory) -> Plain:
    model, prompt = _field(received, "model"), _field(received, "prompt")
    is_metered = model.startswith(_PER_TOKEN_MODELS)
    picture = base64.b64encode(PICTURE).decode()
    count = int(_field(received, "n") or 1)
    usage = _image_usage(prompt, count) if is_metered else None
    if _field(received, "stream").lower() == "true":
        kind = "image_edit" if received.path.endswith("edits") else "image_generation"
        return Plain(body="", events=_image_events(kind, picture, usage))
    as_url = not is_metered and _field(received, "response_format") != "b64_json"
    made: JsonObject = {"url": "https://images.invalid/1.png"} if as_url else {"b64_json": picture}
    body: JsonObject = {"created": CREATED_AT, "data": [made] * count}
    if usage is not None:
        body |= {"size": "1024x1024", "quality": "medium", "output_format": "png", "usage": usage}
    return Plain(body=body)


def _image_usage(prompt: str, count: int) -> JsonObject:
    text, made = count_tokens(prompt), _IMAGE_TOKENS * count
    return {
        "input_tokens": text,
        "input_tokens_details": {"text_tokens": text, "image_tokens": 0},
        "output_tokens": made,
        "total_tokens": text + made,
    }


def _image_events(kind: str, picture: str, usage: JsonObject | None) -> tuple[Event, ...]:
    common: JsonObject = {
        "b64_json": picture,
        "created_at": CREATED_AT,
        "size": "1024x1024",
        "quality": "medium",
        "background": "opaque",
        "output_format": "png",
    }
    draft, done = f"{kind}.partial_image", f"{kind}.completed"
    return (
        Event({"type": draft, **common, "partial_image_index": 0}, draft),
        Event({"type": done, **common, **({"usage": usage} if usage else {})}, done),
    )


def _speak(received: Received, _token: str, _memory: Memory) -> Plain:
    if _field(received, "stream_format") != "sse":
        return Plain(body=SOUND, content_type="audio/mpeg")
    size = 600
    pieces = [SOUND[at : at + size] for at in range(0, len(SOUND), size)]
    delta, done = "speech.audio.delta", "speech.audio.done"
    events = [Event({"type": delta, "audio": base64.b64encode(piece).decode()}) for piece in pieces]
    given = count_tokens(_field(received, "input"))
    usage = {"input_tokens": given, "output_tokens": 80, "total_tokens": given + 80}
    return Plain(body="", events=(*events, Event({"type": done, "usage": usage})))


def _listen(received: Received, _token: str, _memory: Memory) -> Plain:
    shape = _field(received, "response_format") or "json"
    if _field(received, "stream").lower() == "true":
        return Plain(body="", events=_heard_events())
    if shape == "text":
        return Plain(body=HEARD + "\n", content_type="text/plain; charset=utf-8")
    if shape in {"srt", "vtt"}:
        head, comma = ("WEBVTT\n\n", ".") if shape == "vtt" else ("1\n", ",")
        cue = f"00:00:00{comma}000 --> 00:00:03{comma}200\n{HEARD}\n\n"
        return Plain(body=head + cue, content_type="text/plain; charset=utf-8")
    by_duration: JsonObject = {"type": "duration", "seconds": HEARD_SECONDS}
    if shape == "verbose_json":
        segment = {"id": 0, "start": 0.0, "end": HEARD_SECONDS, "text": HEARD}
        whole = {"task": "transcribe", "language": "english", "duration": HEARD_SECONDS}
        return Plain(body={**whole, "text": HEARD, "segments": [segment], "usage": by_duration})
    is_whisper = _field(received, "model").startswith("whisper")
    return Plain(body={"text": HEARD, "usage": by_duration if is_whisper else _heard_usage()})


def _heard_usage() -> JsonObject:
    audio, made = 32, count_tokens(HEARD)
    return {
        "type": "tokens",
        "input_tokens": audio,
        "input_token_details": {"text_tokens": 0, "audio_tokens": audio},
        "output_tokens": made,
        "total_tokens": audio + made,
    }


def _heard_events() -> tuple[Event, ...]:
    delta, done = "transcript.text.delta", "transcript.text.done"
    pieces = [Event({"type": delta, "delta": piece}) for piece in text_pieces(HEARD)]
    return (*pieces, Event({"type": done, "text": HEARD, "usage": _heard_usage()}))


def moderation_body(request: JsonObject, token: str) -> JsonObject:
    """Judge each text: one that has "attack" in it is violent."""
    given = request.get("input")
    texts = [as_text(item) for item in as_list(given)] or [as_text(given)]
    names = ("harassment", "hate", "self-harm", "sexual", "violence")
    results: list[JsonObject] = []
    for text in texts:
        is_violent = "attack" in text.lower()
        found = {name: name == "violence" and is_violent for name in names}
        results.append(
            {
                "flagged": is_violent,
                "categories": found,
                "category_scores": {name: 0.97 if found[name] else 0.001 for name in names},
                "category_applied_input_types": {name: ["text"] for name in names},
            }
        )
    model = as_text(request.get("model")) or "omni-moderation-latest"
    return {"id": f"modr-{token[:24]}", "model": model, "results": results}


def _moderate(received: Received, token: str, _memory: Memory) -> Plain:
    return Plain(body=moderation_body(received.json_object(), token))


def _film(received: Received, token: str, memory: Memory) -> Plain:
    """Start a video, which is done by the first look."""
    video: JsonObject = {
        "id": f"video_{token[:32]}",
        "object": "video",
        "model": _field(received, "model") or "sora-2",
        "status": "queued",
        "progress": 0,
        "created_at": CREATED_AT,
        "seconds": _field(received, "seconds") or "4",
        "size": _field(received, "size") or "720x1280",
        "prompt": _field(received, "prompt"),
    }
    memory.setdefault("videos", {})[video["id"]] = video
    return Plain(body=video)


def _look_at_film(received: Received, token: str, memory: Memory) -> Plain:
    video = memory.get("videos", {}).get(received.path.rpartition("/")[2])
    if video is None:
        message = "No such video."
        return Plain(body=openai.error_body(404, "", message, token), status=404)
    return Plain(body={**video, "status": "completed", "progress": 100})


def _form(path: str, answer: object) -> Route:
    return Route(path=ROOT + path, vendor=openai.VENDOR, answer=answer, needs_json=False)  # pyright: ignore[reportArgumentType]  # one of the functions above


ROUTES = (
    Route(path=f"{ROOT}/images/generations", vendor=openai.VENDOR, answer=_image),
    _form("/images/(?:edits|variations)", _image),
    Route(path=f"{ROOT}/audio/speech", vendor=openai.VENDOR, answer=_speak),
    _form("/audio/(?:transcriptions|translations)", _listen),
    Route(path=f"{ROOT}/moderations", vendor=openai.VENDOR, answer=_moderate),
    _form("/videos", _film),
    Route(path=f"{ROOT}/videos/[^/]+", vendor=openai.VENDOR, method="GET", answer=_look_at_film),
)
