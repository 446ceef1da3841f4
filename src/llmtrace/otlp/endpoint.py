"""URLs of OTLP/HTTP endpoints: the path that belongs to traces, and what of one may be shown."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit, urlunsplit

_TRACES: Final = "/v1/traces"


def with_traces_path(base: str) -> str:
    """Return the URL for traces of an OTLP/HTTP base URL; one that has the path stays."""
    url = urlsplit(base)
    path = url.path.rstrip("/")
    return urlunsplit(url._replace(path=path if path.endswith(_TRACES) else path + _TRACES))


def shown_url(url: str) -> str:
    """Return a URL for people: without user, password, query or fragment, which may be secret."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"
