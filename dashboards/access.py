"""Who looks, what they may see, and the audit of what they took.

Below ``asking``, which hands out no store but that of the viewer's tenants. In mode ``token`` the
front door (``llmtrace.cli.front_door``) lets nobody in who has no session; in mode ``oidc``
Streamlit's own login says who somebody is. Either is asked again for every figure: a page that
stays open ends with its session.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

import streamlit as st

from dashboards import home
from llmtrace.cli.sign_in import COOKIE, SESSION, allowed_tenants
from llmtrace.cli.upkeep import actor
from llmtrace.clock import SystemClock
from llmtrace.errors import LlmtraceError
from llmtrace.store.admin import noted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

Audited = Literal["export", "replay", "silence", "sql"]
_ALL_TENANTS: Final = "This tells of all tenants together, and your account may see only its own."
_LONGEST_NAME: Final = 150


class NotSignedInError(LlmtraceError):
    """Nobody is signed in, or no longer."""


class NotAllowedError(LlmtraceError):
    """This is not for viewers of some tenants only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Whoever looks."""

    name: str
    """For the audit: who they say they are to the provider; ``token``; or user and machine."""
    tenants: frozenset[str] | None = None
    """Tenants whose calls they may see; None: all, and calls of no tenant."""
    until: datetime | None = None
    """When they have to sign in again; None: never."""

    @property
    def sees_all(self) -> bool:
        """Say whether they may see everything stored."""
        return self.tenants is None


_acting: ContextVar[Viewer | None] = ContextVar("acting", default=None)


def viewer() -> Viewer:
    """Return who looks. Raises NotSignedInError."""
    acting = _acting.get()
    if acting is None:
        acting = _signed_in()
    if acting.until is not None and acting.until <= SystemClock().now():
        raise NotSignedInError("your session has ended; reload the page to sign in again")
    return acting


def check_all_tenants() -> None:
    """Raise NotAllowedError for viewers of some tenants only."""
    if not viewer().sees_all:
        raise NotAllowedError(_ALL_TENANTS)


@contextmanager
def acting_as(who: Viewer) -> Generator[None, None, None]:
    """Do what is in the block as ``who``, in a thread that knows no session of Streamlit's."""
    token = _acting.set(who)
    try:
        yield
    finally:
        _acting.reset(token)


def require_all_tenants() -> None:
    """End a page here, saying why, for viewers of some tenants only. Call it first."""
    if not viewer().sees_all:
        st.info(_ALL_TENANTS, icon=":material/lock:")
        st.stop()


@contextmanager
def audited(
    operation: Audited, arguments: Mapping[str, object]
) -> Generator[dict[str, object], None, None]:
    """Record in the audit what is done in the block: who, when, with which arguments, how it ended.

    Gives the outcome, to be filled: ``{"rows": 12}``. What the block raises is recorded as
    ``error`` and goes on. SQL goes in as ``query``: of it only the shape is kept, without values.
    Raises StoreError if the row cannot be written: what is not audited is not handed out.
    """
    with noted(home.settings(), viewer().name, operation, arguments) as outcome:
        yield outcome


def exported(what: Mapping[str, object], make: Callable[[], bytes]) -> Callable[[], bytes]:
    """Return ``make`` for a download button: made as this viewer when clicked, and audited.

    Streamlit calls it in a thread that knows no session. ``what`` says what is taken, as
    ``{"page": "cost", "by": "user"}``.
    """
    who = viewer()

    def made() -> bytes:
        with acting_as(who), audited("export", what) as outcome:
            content = make()
            outcome["bytes"] = len(content)
        return content

    return made


def _signed_in() -> Viewer:
    settings = home.settings()
    if settings.dashboard_sign_in == "none":
        return Viewer(name=_user())
    if settings.dashboard_sign_in == "token":
        sessions = home.sessions()
        until = None if sessions is None else sessions.until(_cookie())
        if until is None:
            raise NotSignedInError("sign in: reload the page, and give the shared token")
        return Viewer(name="token", until=until)
    claims = _claims()
    if not claims:
        raise NotSignedInError("sign in: reload the page")
    issued = claims.get("iat")
    begin = datetime.fromtimestamp(issued, UTC) if isinstance(issued, (int, float)) else None
    if begin is None:
        raise NotSignedInError("the provider does not say when you signed in (claim iat)")
    return Viewer(
        name=_name(claims), tenants=allowed_tenants(claims, settings), until=begin + SESSION
    )


@cache
def _user() -> str:
    # A page asks forty times who looks at it, and the system looks that up in a file each time.
    return actor()


def _cookie() -> str:
    return st.context.cookies.get(COOKIE, "")


def _claims() -> dict[str, Any]:
    """Return what the provider says of who is signed in; empty if nobody is."""
    user = st.user.to_dict()
    return user if user.get("is_logged_in") is True else {}


def _name(claims: Mapping[str, Any]) -> str:
    """Return the name for the audit: a verified address, else the provider's own id."""
    if claims.get("email_verified") in (True, "true") and claims.get("email"):
        return str(claims["email"])[:_LONGEST_NAME]
    return f"{claims.get('iss', '')} {claims.get('sub', '')}".strip()[:_LONGEST_NAME] or "unknown"
