"""Who may look at the dashboards: sessions of the shared token, and what claims allow. No server.

Sessions are in this process alone: a restart asks everybody to sign in again. Only hashes of
their keys are kept, so that a dump of this memory lets nobody in.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict, deque
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from llmtrace.config import Secret
from llmtrace.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from llmtrace.clock import Clock
    from llmtrace.config import Settings

COOKIE: Final = "llmtrace_session"
SESSION: Final = timedelta(hours=12)
"""How long a sign-in of either mode holds."""
_MAX_SESSIONS: Final = 10_000
MIN_TOKEN: Final = 16
EVERYBODY: Final = "*"


def shared_token(settings: Settings) -> Secret:
    """Return the token of mode ``token``. Raises ConfigError if there is none, or a short one."""
    token, path = settings.dashboard_token, settings.dashboard_token_file
    if token is None and path is not None:
        try:
            token = Secret(path.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"the dashboards' token file {path} cannot be read: {type(error).__name__}"
            ) from None
    if token is None:
        raise ConfigError(
            "sign-in by token needs one; set LLMTRACE_DASHBOARD_TOKEN, or "
            "LLMTRACE_DASHBOARD_TOKEN_FILE to a file that holds it"
        )
    if len(token.reveal()) < MIN_TOKEN:
        raise ConfigError(
            f"the dashboards' token is shorter than {MIN_TOKEN} characters; take a random one, as "
            "`openssl rand -hex 32` makes"
        )
    return token


class Sessions:
    """Sessions of mode ``token``; from any thread."""

    def __init__(self, token: Secret, clock: Clock) -> None:
        """Let in who knows ``token``."""
        self._token = hashlib.sha256(token.reveal().encode()).digest()
        self._clock = clock
        self._lock = threading.Lock()
        self._until: OrderedDict[bytes, datetime] = OrderedDict()

    def opened(self, token: str) -> str | None:
        """Return a new session's key for the right token, None for another; in constant time."""
        given = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        if not hmac.compare_digest(given, self._token):
            return None
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._until[_hash(key)] = self._clock.now() + SESSION
            while len(self._until) > _MAX_SESSIONS:
                self._until.popitem(last=False)
        return key

    def until(self, key: str) -> datetime | None:
        """Return when a session ends; None if there is none of this key, or it has ended."""
        with self._lock:
            end = self._until.get(_hash(key))
        return end if end is not None and end > self._clock.now() else None

    def close(self, key: str) -> None:
        """End a session."""
        with self._lock:
            self._until.pop(_hash(key), None)


class Attempts:
    """Counts failed sign-ins of the last minute, by address and together; from any thread."""

    def __init__(self, clock: Clock, *, by_address: int = 5, together: int = 60) -> None:
        """Allow so many a minute."""
        self._clock = clock
        self._by_address = by_address
        self._together = together
        self._lock = threading.Lock()
        self._failed: deque[tuple[datetime, str]] = deque(maxlen=together)

    def may_try(self, address: str) -> bool:
        """Say whether somebody there may try again."""
        since = self._clock.now() - timedelta(minutes=1)
        with self._lock:
            recent = [where for when, where in self._failed if when > since]
        return len(recent) < self._together and recent.count(address) < self._by_address

    def failed(self, address: str) -> None:
        """Count one."""
        with self._lock:
            self._failed.append((self._clock.now(), address))


def allowed_tenants(claims: Mapping[str, object], settings: Settings) -> frozenset[str] | None:
    """Return the tenants that somebody with these claims may see; None: all, empty: none."""
    if any(_has(claims, name, value) for name, value in settings.dashboard_all_tenants):
        return None
    return frozenset(_texts(claims.get(settings.dashboard_tenants_claim)))


def _has(claims: Mapping[str, object], name: str, value: str) -> bool:
    if name == EVERYBODY:
        return True
    # Whoever may write any address into an account of theirs is not the person it belongs to.
    if name == "email" and claims.get("email_verified") not in (True, "true"):
        return False
    return value in _texts(claims.get(name))


def _texts(claim: object) -> list[str]:
    """Return a claim's values: a text is one, of a list every text."""
    items = cast("list[object]", claim) if isinstance(claim, (list, tuple)) else [claim]
    return [item for item in items if isinstance(item, str) and item]


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
