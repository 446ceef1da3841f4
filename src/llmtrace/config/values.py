"""One setting's text → its value, and the string that never shows itself.

Every function raises ValueError saying what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, Self, cast
from urllib.parse import unquote, urlsplit

CaptureContent = Literal["redacted", "full", "none"]
Compression = Literal["gzip", "none"]
SignInMode = Literal["none", "token", "oidc"]

_TARGET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


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


def dashboard(text: str) -> str:
    """Read the address under which people open the dashboards; messages link to it."""
    parts = urlsplit(url(text))
    if not parts.netloc or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("write a URL of a scheme, a host and perhaps a path, no password in it")
    return text.rstrip("/")


def hosts(text: str) -> dict[str, str]:
    """Read ``host=provider,host:port=provider``: who answers at a host that we do not know."""
    found = pairs(text)
    if not found or "" in found.values():
        raise ValueError("write host=provider,host:port=provider")
    return {host.lower(): provider for host, provider in found.items()}


def targets(text: str | Mapping[str, str]) -> dict[str, str]:
    """Read ``name=url,name=url``: backends by name. A URL alone has its host and port as name.

    No error shows the URL: people write passwords into them.
    """
    if isinstance(text, Mapping):
        named = [(name.strip(), url.strip()) for name, url in text.items()]
    else:
        parts = (part.strip() for part in text.split(","))
        named = [_named(part) for part in parts if part]
    found: dict[str, str] = {}
    for name, address in named:
        if not _TARGET.fullmatch(name):
            raise ValueError("a backend's name is made of a-z, 0-9, dot, dash and underscore")
        if name in found:
            raise ValueError(f"{name} is named twice; write name=url,name=url")
        found[name] = _backend(name, address)
    if not found:
        raise ValueError("write name=url,name=url")
    return found


def _named(part: str) -> tuple[str, str]:
    name, separator, address = part.partition("=")
    if separator and "://" not in name:
        return name.strip().lower(), address.strip()
    host = urlsplit(part).netloc.rpartition("@")[2]
    return re.sub(r"[^a-z0-9._-]+", "-", host.lower()).strip("-._"), part


def _backend(name: str, address: str) -> str:
    parts = urlsplit(url(address))
    if "@" in parts.netloc:
        raise ValueError(f"the URL of {name} holds a user or password; write them as a header")
    try:
        is_good = bool(parts.hostname) and parts.port != 0
    except ValueError:  # its text shows what stands where the port should
        is_good = False
    if not is_good:
        raise ValueError(f"the URL of {name} has no host, or no port from 1 to 65535")
    return address


def compression(text: str) -> Compression:
    """Read how bodies are packed."""
    lowered = text.strip().lower()
    if lowered in {"gzip", "none"}:
        return cast("Compression", lowered)
    raise ValueError("write gzip or none")


def sign_in_mode(text: str) -> SignInMode:
    """Read how people sign in to the dashboards."""
    lowered = text.strip().lower()
    if lowered in {"none", "token", "oidc"}:
        return cast("SignInMode", lowered)
    raise ValueError("write none, token or oidc")


def claims(text: str) -> tuple[tuple[str, str], ...]:
    """Read ``claim=value,claim=value``; ``*`` alone is everybody, as ``(("*", ""),)``."""
    if text.strip() == "*":
        return (("*", ""),)
    found: list[tuple[str, str]] = []
    for part in filter(None, (item.strip() for item in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if not name or not value or name == "*":
            raise ValueError("write claim=value,claim=value, or * for everybody who signs in")
        found.append((name, value))
    return tuple(found)
