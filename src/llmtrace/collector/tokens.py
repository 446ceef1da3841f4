"""Tokens of projects: made, rotated and revoked in ``tokens.json``, where only salted hashes lie.

A token is 256 random bits, so nobody guesses one from its hash and a plain SHA-256 is enough: a
slow hash protects what people choose, and would cost every request its time. The salt keeps equal
tokens from showing. The file's owner alone may read it; a running collector sees a change at once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.config import Secret
from llmtrace.errors import ConfigError
from llmtrace.store.private_file import changing, write_private

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import timedelta
    from pathlib import Path

    from llmtrace.clock import Clock

logger = logging.getLogger(__name__)

TOKENS_FILE: Final = "tokens.json"
PREFIX: Final = "llmt_"
"""What begins so and is not known is refused everywhere, also where no token is needed."""
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectToken:
    """What is kept of one token."""

    id: str
    """For people: names the token without being it; the token's second part."""
    project: str
    salt: str
    hash: str
    created_at: datetime
    expires_at: datetime | None = None
    """Aware; not valid from then on. None: until it is revoked."""

    def is_valid(self, now: datetime) -> bool:
        """Say whether it may be used at ``now``."""
        return self.expires_at is None or now < self.expires_at


def created(project: str, now: datetime) -> tuple[ProjectToken, Secret]:
    """Make a token; the secret is shown once and kept nowhere. Raises ConfigError."""
    if not _PROJECT.fullmatch(project):
        raise ConfigError(
            f"project {project[:80]!r}: write 1 to 64 letters, digits, dots, dashes or underscores"
        )
    identity = secrets.token_hex(4)
    word = f"{PREFIX}{identity}_{secrets.token_urlsafe(32)}"
    salt = secrets.token_hex(16)
    kept = ProjectToken(
        id=identity, project=project, salt=salt, hash=_hash(salt, word), created_at=now
    )
    return kept, Secret(word)


def rotated(
    tokens: list[ProjectToken], project: str, now: datetime, grace: timedelta
) -> tuple[list[ProjectToken], Secret]:
    """Add a token to a project; the newest before it stays valid for ``grace``, older ones go.

    Raises ConfigError if the project has none.
    """
    mine = [token for token in tokens if token.project == project and token.is_valid(now)]
    if not mine:
        raise ConfigError(
            f"project {project!r} has no token; make one with `llmtrace token create`"
        )
    newest = max(mine, key=lambda token: token.created_at)
    end = now + grace if newest.expires_at is None else min(newest.expires_at, now + grace)
    kept, word = created(project, now)
    others = [token for token in tokens if token.project != project]
    return [*others, replace(newest, expires_at=end), kept], word


def load_tokens(home: Path) -> list[ProjectToken]:
    """Read the file; none if there is none. Raises ConfigError if it is not as we write it."""
    path = home / TOKENS_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [_parsed(entry) for entry in content["tokens"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} cannot be read ({type(error).__name__}); put a backup of it back, or remove "
            "it and make the tokens anew"
        ) from error


def save_tokens(home: Path, tokens: list[ProjectToken]) -> None:
    """Replace the file, mode 0600. Raises StoreUnreachableError."""
    entries = [asdict(token) for token in tokens]
    text = json.dumps({"tokens": entries}, indent=2, default=datetime.isoformat)
    write_private(home / TOKENS_FILE, text + "\n")


@contextmanager
def changing_tokens(home: Path) -> Generator[list[ProjectToken]]:
    """Give the tokens to change in place, and save them if that did not raise.

    Two programs that do so take turns: none loses what the other made.
    Raises ConfigError, StoreUnreachableError.
    """
    with changing(home / TOKENS_FILE):
        tokens = load_tokens(home)
        yield tokens
        save_tokens(home, tokens)


class ProjectTokens:
    """The tokens of a home as a running collector knows them."""

    def __init__(self, home: Path, clock: Clock) -> None:
        """Read them. Raises ConfigError."""
        self._home = home
        self._clock = clock
        self._lock = threading.Lock()
        self._seen = self._stamp()
        self._tokens = load_tokens(home)

    def project_of(self, word: str) -> str | None:
        """Return the project that a token is of; None if it is none's, revoked or expired."""
        now = self._clock.now()
        found: str | None = None
        # All are compared, each in constant time: how long it takes tells nothing.
        for token in self._current():
            if hmac.compare_digest(_hash(token.salt, word), token.hash) and token.is_valid(now):
                found = token.project
        return found

    def _current(self) -> list[ProjectToken]:
        with self._lock:
            stamp = self._stamp()
            if stamp != self._seen:
                try:
                    self._tokens = load_tokens(self._home)
                except ConfigError as error:
                    # Nobody is let in on the word of a file that cannot be read.
                    logger.error("no project token is valid: %s", error)  # noqa: TRY400  # the message says what to do
                    self._tokens = []
                self._seen = stamp
            return self._tokens

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = (self._home / TOKENS_FILE).stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)


def _hash(salt: str, word: str) -> str:
    return hashlib.sha256(f"{salt}:{word}".encode("utf-8", "surrogateescape")).hexdigest()


def _parsed(entry: Any) -> ProjectToken:
    fields = cast("dict[str, str | None]", entry)
    expires = fields["expires_at"]
    return ProjectToken(
        id=str(fields["id"]),
        project=str(fields["project"]),
        salt=str(fields["salt"]),
        hash=str(fields["hash"]),
        created_at=datetime.fromisoformat(str(fields["created_at"])),
        expires_at=None if expires is None else datetime.fromisoformat(expires),
    )
