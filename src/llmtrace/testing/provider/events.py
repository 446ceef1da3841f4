"""JSON and server-sent events as bytes, the way providers frame them; no provider's fields here.

Framing follows https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object from or for the wire; its values are narrowed where they are read."""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event, or (alone, with no name) the body of a plain answer."""

    data: object
    """A JSON value; a str is sent as it is, unquoted (``[DONE]``, or deliberate garbage)."""
    name: str | None = None
    """The ``event:`` field; None leaves it out, as OpenAI's chat endpoint does."""


def encode_json(value: object) -> bytes:
    r"""Return compact UTF-8 JSON; text that UTF-8 cannot hold (``\ud800``) is sent as escapes."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def encode_event(event: Event) -> bytes:
    """Return one event with its closing blank line."""
    data = event.data.encode() if isinstance(event.data, str) else encode_json(event.data)
    head = f"event: {event.name}\n".encode() if event.name else b""
    return head + b"data: " + data + b"\n\n"


def text_pieces(text: str) -> list[str]:
    """Split ``text`` into the pieces a stream sends: one word with the space before it."""
    return re.findall(r"\s*\S+|\s+$", text)


def as_object(value: object) -> JsonObject:
    """Return ``value`` if it is a JSON object, else an empty one: requests are untrusted."""
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Return ``value`` if it is a JSON array, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Return ``value`` if it is text; JSON of anything else; "" for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else encode_json(value).decode()
