"""After signing in by a provider, the page that was asked for: its answer leads to the first page.

Pure ASGI, before Streamlit's own login. The page whose button was clicked is kept in a cookie that
only the way back reads, and only as a path of this site: a link can lead whoever signs in nowhere
else. Nothing of it is put into a page.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "llmtrace_asked_for"
_LOGIN: Final = "/auth/login"
_CALLBACK: Final = "/oauth2callback"
_FIRST_PAGE: Final = "/"
_KEPT_S: Final = 900
_LONGEST: Final = 3_000
"""Of a cookie with its name and attributes, browsers keep 4 096 bytes."""
# Pages lie at the top and are named by letters; what Streamlit does below other paths is no page.
_PAGE: Final = re.compile(r"/[a-z_]*(?:\?[!-~]*)?")


class DeepLink:
    """Keeps the page at which somebody chose to sign in, and leads back there."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; add a cookie to the way out, and change where the way back leads."""
        if scope["type"] != "http" or scope["path"] not in {_LOGIN, _CALLBACK}:
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        is_way_out = scope["path"] == _LOGIN
        target = _clicked_at(asked) if is_way_out else _kept(asked)

        async def send_changed(message: Message) -> None:
            if message["type"] == "http.response.start" and target is not None:
                answer = MutableHeaders(raw=list(message.get("headers", ())))
                if is_way_out:
                    _keep(answer, target, is_secure=_is_secure(scope, asked))
                elif answer.get("location") == _FIRST_PAGE:
                    answer["location"] = target
                    _keep(answer, "", is_secure=_is_secure(scope, asked))
                message["headers"] = answer.raw
            await send(message)

        await self._app(scope, receive, send_changed)


def _clicked_at(asked: Headers) -> str | None:
    """Return the page of this site that leads to the login; None if none says that it does."""
    if asked.get("sec-fetch-site", "same-origin") != "same-origin":
        return None
    try:
        parts = urlsplit(asked.get("referer", ""))
    except ValueError:
        return None
    return _page(parts.path + (f"?{parts.query}" if parts.query else "")) or _page(parts.path)


def _kept(asked: Headers) -> str | None:
    return _page(unquote(cookie_parser(asked.get("cookie", "")).get(COOKIE, "")))


def _page(text: str) -> str | None:
    """Return a path of a page of this site; None if it is anything else."""
    is_page = _PAGE.fullmatch(text) is not None and len(quote(text, safe="")) <= _LONGEST
    return text if is_page else None


def _keep(answer: MutableHeaders, target: str, *, is_secure: bool) -> None:
    """Set the cookie; end it if there is no target."""
    made = Response()
    made.set_cookie(
        COOKIE,
        quote(target, safe=""),
        max_age=_KEPT_S if target else 0,
        path=_CALLBACK,
        httponly=True,
        samesite="lax",  # the way back comes from the provider's site
        secure=is_secure,
    )
    answer.append("set-cookie", made.headers["set-cookie"])


def _is_secure(scope: Scope, asked: Headers) -> bool:
    return "https" in {scope.get("scheme"), asked.get("x-forwarded-proto")}
