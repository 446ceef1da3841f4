"""Fetching a price list, because somebody asked for it: HTTPS, bounded in size and time.

Plain HTTP only from this machine. Redirects are held to the same rules. Nothing of llmtrace calls
this but ``llmtrace prices update`` and ``diff``.
"""

from __future__ import annotations

import ipaddress
import urllib.request
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit, urlunsplit

from llmtrace.errors import PriceFileError
from llmtrace.pricing.updates import MAX_BYTES

if TYPE_CHECKING:
    from http.client import HTTPMessage

    from llmtrace.clock import Clock

DEFAULT_URL: Final = (
    "https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main"
    "/prices/new_data/v2/data.json"
)
"""Where genai-prices publishes its data, in the format of the bundled one."""

_TIMEOUT_S: Final = 20
_DEADLINE_NS: Final = 120 * 1_000_000_000
_PIECE: Final = 65_536


def read_source(source: str, clock: Clock) -> bytes:
    """Return the bytes at a URL or in a file. Raises PriceFileError."""
    if "://" in source:
        return _fetch(source, clock)
    try:
        with Path(source).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PriceFileError(f"{source}: cannot be read ({error.strerror or error})") from error


def _fetch(url: str, clock: Clock) -> bytes:
    _check(url)
    # On this machine a proxy from the environment would only be in the way.
    proxies = urllib.request.ProxyHandler({} if _is_here(url) else None)
    opener = urllib.request.build_opener(proxies, _Redirects())
    request = urllib.request.Request(  # noqa: S310  # _check allows http and https only
        url, headers={"User-Agent": "llmtrace", "Accept": "application/json"}
    )
    start = clock.monotonic_ns()
    pieces: list[bytes] = []
    size = 0
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            while piece := answer.read(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > MAX_BYTES:
                    raise PriceFileError(f"{_named(url)}: larger than {MAX_BYTES:,} bytes")
                if clock.monotonic_ns() - start > _DEADLINE_NS:
                    raise PriceFileError(f"{_named(url)}: too slow; download it and name the file")
    except OSError as error:  # what urllib raises, and time-outs
        reason = getattr(error, "reason", error)
        if isinstance(error, HTTPError):
            reason = f"{error.code} {reason}"
            error.close()
        raise PriceFileError(
            f"{_named(url)}: cannot be fetched ({str(reason)[:200]}); the prices in use stay in use"
        ) from error
    return b"".join(pieces)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            _check(newurl)
        except PriceFileError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise PriceFileError(f"{_named(url)}: leave user and password out of the address")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_here(url)):
        return
    raise PriceFileError(f"{_named(url)}: only https:// is fetched (http:// from this machine)")


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _named(url: str) -> str:
    """Return an address without what may be secret in it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    place = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, place, parts.path, "", ""))[:300]
