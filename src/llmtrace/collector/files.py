"""What a collector leaves in its home for readers: the token, and ``collector.json``."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING

from llmtrace.config import Secret
from llmtrace.store.discovery import COLLECTOR_FILE, TOKEN_FILE
from llmtrace.store.private_file import write_private
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
