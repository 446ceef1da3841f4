"""From an answer's events to the bytes that leave, with whatever the script does to them. Pure."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace.testing.provider.events import Event, encode_event, encode_json
from llmtrace.testing.provider.server import Sending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llmtrace.testing.provider.script import Reply

_JSON = "application/json"
_EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What would be sent if the script did not interfere with the bytes."""

    status: int
    events: tuple[Event, ...]
    """Of a stream; or exactly one, the JSON body."""
    is_stream: bool
    api: str
    """Name of the dialect, for ``Reply.edit``."""
    encode: Callable[[Event], bytes] = encode_event
    """Frames one event of a stream."""
    content_type: str | None = None
    """None: the usual one of a stream, or of a JSON body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the server is, in seconds."""

    latency_s: float
    chunk_delay_s: float


def render(content: Content, reply: Reply, headers: dict[str, str], pace: Pace) -> Sending:
    """Encode ``content``, or the body that ``reply`` scripts, and apply the reply's faults."""
    is_stream = content.is_stream if not reply.has_body else reply.pieces is not None
    pieces = _scripted_pieces(reply) if reply.has_body else _natural_pieces(content, reply)
    usual = content.content_type or (_EVENT_STREAM if content.is_stream else _JSON)
    kind = reply.content_type or usual
    headers = {"content-type": kind, **headers}
    if reply.is_gzipped:
        pieces = _gzip(pieces)
        headers["content-encoding"] = "gzip"
    whole = b"".join(pieces)
    if size := reply.chunk_bytes:
        pieces = tuple(whole[at : at + size] for at in range(0, len(whole), size))
    headers |= {name.lower(): value for name, value in reply.headers.items()}
    return Sending(
        status=content.status,
        headers=headers,
        pieces=pieces,
        is_chunked=is_stream or bool(reply.chunk_bytes),
        delay_s=pace.latency_s + reply.delay_s,
        chunk_delay_s=pace.chunk_delay_s if reply.chunk_delay_s is None else reply.chunk_delay_s,
        cut_after_bytes=reply.cut(whole) if reply.cut else None,
        stall_s=reply.stall_s,
        is_dropped=reply.is_dropped,
    )


def _scripted_pieces(reply: Reply) -> tuple[bytes, ...]:
    if reply.pieces is not None:
        return reply.pieces
    return (reply.body if reply.body is not None else encode_json(reply.json),)


def _natural_pieces(content: Content, reply: Reply) -> tuple[bytes, ...]:
    events = list(content.events)
    if reply.edit is not None:
        events = reply.edit(events, content.api)
    if content.is_stream:
        return tuple(content.encode(event) for event in events)
    data = events[0].data
    if isinstance(data, bytes):
        return (data,)
    return (data.encode() if isinstance(data, str) else encode_json(data),)


def _gzip(pieces: Iterable[bytes]) -> tuple[bytes, ...]:
    """Compress piece by piece, each flushed, so that a reader gets every event at once."""
    packer = zlib.compressobj(wbits=31)
    packed = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return (*packed, packer.flush())
