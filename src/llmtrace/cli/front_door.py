"""The door of the dashboards in mode ``token``: without a session nobody gets as far as Streamlit.

Pure ASGI, so that websockets are refused too. The token comes in the body of a form, never in a
URL; what stays in the browser is a cookie that no script can read. Nothing here logs either.
"""

from __future__ import annotations

import html
import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from llmtrace.cli.sign_in import COOKIE, SESSION

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from llmtrace.cli.sign_in import Attempts, Sessions

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"
HEALTH: Final = "/_stcore/health"
_MAX_FORM_BYTES: Final = 8_192
_LONGEST_NEXT: Final = 4_000
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in · llmtrace</title>
<meta name="referrer" content="same-origin">
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root{{color-scheme:light dark}}
body{{margin:0;min-height:100vh;display:grid;place-items:center;font:15px/1.5 system-ui,sans-serif;
background:light-dark(#f6f7f9,#111318);color:light-dark(#1c2024,#e8eaed)}}
main{{width:min(22rem,calc(100vw - 2rem));box-sizing:border-box;padding:2rem;border-radius:10px;
background:light-dark(#fff,#1a1d24);border:1px solid light-dark(#e3e6ea,#2a2f38)}}
h1{{margin:0 0 1.2rem;font-size:1.3rem}} label{{display:block;margin-bottom:.35rem}}
input,button{{width:100%;box-sizing:border-box;font:inherit;padding:.6rem .7rem;border-radius:8px}}
input{{border:1px solid light-dark(#8a8f98,#7d8590);background:transparent;color:inherit}}
button{{margin-top:1rem;border:0;background:#3b5bdb;color:#fff;font-weight:600;cursor:pointer}}
p{{margin:0 0 1rem}} [role=alert]{{color:light-dark(#b42318,#ff9b92)}}
</style></head><body><main><h1>◧ llmtrace</h1>{}</main></body></html>
"""
_FORM: Final = """{}<form method="post" action="/sign-in">
<label for="token">Token of these dashboards</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<input name="next" type="hidden" value="{}"><button>Sign in</button></form>"""
_SIGNED_IN: Final = """<p>You are signed in.</p><p><a href="/">Open the dashboards</a></p>
<form method="post" action="/sign-out"><button>Sign out</button></form>"""

logger = logging.getLogger(__name__)


class FrontDoor:
    """Lets in who has a session, and asks others for the token."""

    def __init__(self, app: ASGIApp, sessions: Sessions, attempts: Attempts) -> None:
        """Stand before ``app``."""
        self._app = app
        self._sessions = sessions
        self._attempts = attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer in its place."""
        if scope["type"] == "websocket":
            if self._is_in(_cookie(scope)):
                await self._app(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http" or (scope["path"] == HEALTH and scope["method"] == "GET"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if request.url.path == SIGN_IN:
            answer = await self._sign_in(request)
        elif request.url.path == SIGN_OUT:
            answer = self._sign_out(request)
        elif self._is_in(_cookie(scope)):
            await self._app(scope, receive, send)
            return
        else:
            answer = _stranger(request)
        answer.headers["Cache-Control"] = "no-store"
        await answer(scope, receive, send)

    async def _sign_in(self, request: Request) -> Response:
        if request.method in {"GET", "HEAD"}:
            is_in = self._is_in(_cookie(request.scope))
            return _page(_SIGNED_IN) if is_in else _form(request.query_params.get("next", "/"))
        if request.method != "POST" or not _is_own(request):
            return PlainTextResponse("Sign in with the form of this site.", 403)
        address = request.client.host if request.client else ""
        if not self._attempts.may_try(address):
            answer = _form("/", "Too many attempts. Wait a minute, then try again.", 429)
            answer.headers["Retry-After"] = "60"
            return answer
        fields = await _fields(request)
        if fields is None:
            return _form("/", "That was no sign-in. Try again.", 400)
        following = _local(fields.get("next", "/"))
        key = await run_in_threadpool(self._sessions.opened, fields.get("token", "").strip())
        if key is None:
            self._attempts.failed(address)
            logger.warning("a sign-in to the dashboards failed, from %s", address or "nowhere")
            return _form(following, "This is not the token.", 401)
        answer = RedirectResponse(following, 303)
        _put_cookie(answer, request, key, int(SESSION.total_seconds()))
        return answer

    def _sign_out(self, request: Request) -> Response:
        if request.method != "POST" or not _is_own(request):
            return RedirectResponse(SIGN_IN, 303)
        self._sessions.close(_cookie(request.scope))
        answer = RedirectResponse(SIGN_IN, 303)
        _put_cookie(answer, request, "", 0)
        return answer

    def _is_in(self, key: str) -> bool:
        return bool(key) and self._sessions.until(key) is not None


def _stranger(request: Request) -> Response:
    """Lead a person who opens a page to the form; tell a program that it may not."""
    is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if not is_page:
        return PlainTextResponse("Sign in first.", 401)
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"{SIGN_IN}?next={quote(_local(asked), safe='')}", 303)


def _form(following: str, problem: str = "", status: int = 200) -> Response:
    told = f'<p role="alert">{html.escape(problem)}</p>' if problem else ""
    return _page(_FORM.format(told, html.escape(_local(following))), status)


def _page(content: str, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(content), status)


def _local(following: str) -> str:
    """Return a path of this site: a link must not lead whoever signs in to another."""
    parts = urlsplit(following) if len(following) <= _LONGEST_NEXT else None
    is_path = following.startswith("/") and not following.startswith(("//", "/\\", SIGN_IN))
    if parts is None or parts.scheme or parts.netloc or not is_path or not following.isprintable():
        return "/"
    return following


def _is_own(request: Request) -> bool:
    """Say whether a form was sent from this site; browsers tell where from.

    Not under the policy ``no-referrer`` of all other pages, hence the form's own in its head.
    """
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


async def _fields(request: Request) -> dict[str, str] | None:
    """Return a form's fields; None if it is none, or too long."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_FORM_BYTES:
            return None
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return None
    return {name: values[-1] for name, values in found.items()}


def _cookie(scope: Scope) -> str:
    """Return the session's key that a browser sent, or nothing."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                given, _, key = pair.strip().partition("=")
                if given == COOKIE:
                    return key
    return ""


def _put_cookie(answer: Response, request: Request, key: str, seconds: int) -> None:
    proxied = request.headers.get("x-forwarded-proto", "")
    answer.set_cookie(
        COOKIE,
        key,
        max_age=seconds,
        path="/",
        httponly=True,
        # Lax: who comes by a link in a chat is still signed in.
        samesite="lax",
        secure="https" in {request.url.scheme, proxied},
    )
