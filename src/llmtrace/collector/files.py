"""What a collector leaves in its home for readers: the token, and ``collector.json``."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING

from llmtrace.config import Secret
from llmtrace.errors import StoreUnreachableError
from llmtrace.spool import make_private
from llmtrace.store.discovery import COLLECTOR_FILE, TOKEN_FILE
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


def make_token(home: Path) -> Secret:
    """Write a new token into the home's token file, readable by this user only."""
    token = secrets.token_urlsafe(32)
    write_private(home / TOKEN_FILE, token + "\n")
    return Secret(token)


def publish(home: Path, *, url: str, started_at: datetime, fingerprint: str | None = None) -> None:
    """Write ``collector.json``, whole or not at all; with TLS the certificate's fingerprint too."""
    content = {
        "url": url,
        "pid": os.getpid(),
        "version": VERSION,
        "started_at": started_at.isoformat(),
    }
    if fingerprint is not None:
        content["certificate_sha256"] = fingerprint
    write_private(home / COLLECTOR_FILE, json.dumps(content) + "\n")


def unpublish(home: Path) -> None:
    """Remove ``collector.json``; a second call does nothing."""
    (home / COLLECTOR_FILE).unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file by one of mode 0600, in a folder that is made if need be.

    Readers see the old or the new one.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        make_private(path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600), "w", encoding="ascii") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        raise StoreUnreachableError(
            f"cannot write {path}: {error.strerror}; give this user write access to the folder, "
            "free space on its disk, or set LLMTRACE_HOME to another folder"
        ) from error
