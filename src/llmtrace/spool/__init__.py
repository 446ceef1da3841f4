"""The segment log: append-only files of checksummed frames, safe against kill -9 and torn writes.

One mechanism three times: the app's transport, its buffer while an endpoint is down, and the
collector's write-ahead log. Standard library only: it runs in the user's process.
A payload is opaque here; by convention a serialized OTLP ``ExportTraceServiceRequest``.
"""

from __future__ import annotations

from llmtrace.spool.directory import (
    Dropped,
    directory_bytes,
    enforce_limits,
    is_owned,
    list_segments,
    locked,
    make_private,
    try_remove,
)
from llmtrace.spool.frames import MAX_PAYLOAD_BYTES, Frame, Frames, parse_frames, read_frames
from llmtrace.spool.sending import Positions, send_frames
from llmtrace.spool.writer import DEFAULT_SEGMENT_BYTES, Position, SegmentWriter

__all__ = [
    "DEFAULT_SEGMENT_BYTES",
    "MAX_PAYLOAD_BYTES",
    "Dropped",
    "Frame",
    "Frames",
    "Position",
    "Positions",
    "SegmentWriter",
    "directory_bytes",
    "enforce_limits",
    "is_owned",
    "list_segments",
    "locked",
    "make_private",
    "parse_frames",
    "read_frames",
    "send_frames",
    "try_remove",
]
