"""One setting's text → its value, and the string that never shows itself.

Every function raises ValueError saying what to write instead.
"""

from __future__ import annotations

from typing import Literal, Self, cast
from urllib.parse import unquote

CaptureContent = Literal["redacted", "full", "none"]


class Secret(str):
    """A string that never shows itself: ``repr`` and ``format`` give ``***``; ``reveal()`` it."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        """Take the value over; a secret made of a secret is that secret, not three stars."""
        return super().__new__(cls, value.reveal() if isinstance(value, Secret) else value)

    def __repr__(self) -> str:
        """Hide the value."""
        return "'***'"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        """Hide the value."""
        return "***"

    def reveal(self) -> str:
        """Return the value itself, to hand to the one place that needs it."""
        return str.__str__(self)


def boolean(text: str) -> bool:
    """Read a switch."""
    lowered = text.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("write true or false")


def capture(text: str) -> CaptureContent:
    """Read what of prompts and answers is kept."""
    lowered = text.strip().lower()
    if lowered in {"redacted", "full", "none"}:
        return cast("CaptureContent", lowered)
    # OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: an explicit "no" is obeyed; the three
    # "yes" values say *where* content may go, and ours goes where spans go, redacted.
    if lowered in {"no_content", "false"}:
        return "none"
    if lowered in {"span_only", "event_only", "span_and_event", "true"}:
        return "redacted"
    raise ValueError("write redacted, full or none")


def positive_int(text: str) -> int:
    """Read a whole number above 0."""
    value = int(text)
    if value <= 0:
        raise ValueError("write a whole number above 0")
    return value


def positive_seconds(text: str) -> float:
    """Read seconds above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError("write a number of seconds above 0")
    return value


def ratio(text: str) -> float:
    """Read a share from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError("write a number from 0 to 1")
    return value


def timeout(text: str) -> float:
    """Read the seconds of an export."""
    # OTEL_EXPORTER_OTLP_TIMEOUT is in seconds in OpenTelemetry's Python SDK, and so it is here; the
    # specification's other languages count milliseconds.
    return positive_seconds(text)


def headers(text: str) -> dict[str, Secret]:
    """Read ``name=value,name=value``, the values secret."""
    found: dict[str, Secret] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, separator, value = item.partition("=")
        if not separator or not key.strip():
            raise ValueError("write name=value,name=value")
        # Percent-encoded, as OpenTelemetry specifies: backends hand out ``Basic%20…``.
        found[unquote(key.strip()).lower()] = Secret(unquote(value.strip()))
    return found


def pairs(text: str) -> dict[str, str]:
    """Read ``name=value,name=value``, percent-decoded as the OpenTelemetry specification says."""
    items = (part.partition("=") for part in text.split(",") if "=" in part)
    return {unquote(key.strip()): unquote(value.strip()) for key, _, value in items if key.strip()}


def url(text: str) -> str:
    """Read the address of an HTTP server."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("write a URL that starts with http:// or https://")
    return text


def hosts(text: str) -> dict[str, str]:
    """Read ``host=provider,host:port=provider``: who answers at a host that we do not know."""
    found = pairs(text)
    if not found or "" in found.values():
        raise ValueError("write host=provider,host:port=provider")
    return {host.lower(): provider for host, provider in found.items()}
