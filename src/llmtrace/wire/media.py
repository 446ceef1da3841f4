"""Pictures and sound inside JSON, as base64: large, nobody reads them here, they are never kept."""

from __future__ import annotations

import re
from typing import Final

# Inside a JSON string every quote is escaped, so that this never matches in somebody's text. Short
# values stay: what is not base64 of a picture or a sound may well have these names.
_MEDIA: Final = re.compile(
    rb'"(b64_json|partial_image_b64|audio|audio_data|image_base64)"\s*:\s*"((?:[A-Za-z0-9+/_-]|\\/)+={0,2})"'
)


def leave_media_out(body: bytes) -> bytes:
    """Return JSON (or events of JSON) with each base64 value replaced by its size in bytes."""
    return _MEDIA.sub(_size, body)


def _size(match: re.Match[bytes]) -> bytes:
    text = match[2].replace(b"\\/", b"/")
    size = len(text.rstrip(b"=")) * 3 // 4
    return b'"%b":{"left_out":"base64","bytes":%d}' % (match[1], size)
