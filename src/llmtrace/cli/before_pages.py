"""What stands between browsers and Streamlit, for every way to sign in. Pure ASGI.

Streamlit sends no Content-Security-Policy of its own; what a model wrote must not be able to make
a viewer's browser ask another server for anything.
"""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from llmtrace.cli.dashboard import is_loopback
from llmtrace.cli.deep_link import DeepLink
from llmtrace.cli.front_door import HEALTH, FrontDoor
from llmtrace.cli.sign_in import Attempts
from llmtrace.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from llmtrace.cli.sign_in import Sessions

_HOSTS: Final = ["127.0.0.1", "localhost", "[::1]"]
# Vega compiles its expressions and Streamlit starts by an inline script: hence the unsafe-… ones.
POLICY: Final = (
    "default-src 'self'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "font-src 'self' data:; "
    "connect-src 'self'; "
    "worker-src 'self' blob:; "
    "frame-ancestors 'none'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
_HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


def layers(sessions: Sessions | None, *, is_open: bool, is_oidc: bool) -> list[Middleware]:
    """Return what stands before Streamlit, the outermost first; ``is_open``: nobody signs in."""
    if is_oidc:
        # This site alone is told at which of its pages somebody chose to sign in.
        referring = Middleware(SafeHeaders, referrer="same-origin")
        return [referring, Middleware(OwnSockets), Middleware(DeepLink), Middleware(LoadAhead)]
    found = [Middleware(SafeHeaders), Middleware(OwnSockets)]
    if is_open:
        # A page of another site could point its own name at 127.0.0.1. Where people sign in it
        # gains nothing: a session's cookie is of our name, and we have many.
        found.insert(0, Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS, www_redirect=False))
    if sessions is not None:
        found.append(Middleware(FrontDoor, sessions=sessions, attempts=Attempts(SystemClock())))
    return [*found, Middleware(LoadAhead)]


class OwnSockets:
    """Refuses websockets that a page of another site opened; pure ASGI.

    So would Streamlit, after it asked a server on the internet for this machine's address.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] != "websocket" or _is_own(dict(scope["headers"])):
            await self._app(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 1008})


class LoadAhead:
    """Loads what every page needs while the first browser loads what draws it; pure ASGI.

    Not before: pages that nobody opens take a third of the memory.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before ``app``."""
        self._app = app
        self._is_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        if scope["type"] == "http" and scope["path"] != HEALTH and not self._is_begun:
            self._is_begun = True
            threading.Thread(target=self._load, name="llmtrace-load", daemon=True).start()
        await self._app(scope, receive, send)

    def _load(self) -> None:
        importlib.import_module("dashboards.data")


class SafeHeaders:
    """Adds the policy to every answer; pure ASGI, so that websockets pass untouched."""

    def __init__(self, app: ASGIApp, referrer: str = "no-referrer") -> None:
        """Wrap ``app``; ``referrer``: what pages tell others of where a link was clicked."""
        self._app = app
        self._headers = (*_HEADERS, (b"referrer-policy", referrer.encode()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers put on where an answer begins."""

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers]
            await send(message)

        await self._app(scope, receive, send_safe)


def _is_own(headers: Mapping[bytes, bytes]) -> bool:
    """Say whether a page of this site asks; a tunnel may call it by another name of loopback."""
    if b"origin" not in headers:
        return True  # no browser: those always say it
    try:
        origin = urlsplit(headers[b"origin"].decode("latin-1"))
        name = origin.hostname or ""
    except ValueError:
        return False
    host = headers.get(b"host", b"").decode("latin-1")
    return bool(name) and (origin.netloc == host or is_loopback(name))
