"""Sends to a Slack incoming webhook. One attempt, no retries, no redirects, no proxies.

The URL is the secret: whoever has it can post. It is never part of an error, a log or a repr.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from llmtrace.alerts.notify import GiveUp, RetryAfter, Sent
from llmtrace.alerts.notify.blocks import slack_message
from llmtrace.alerts.notify.report_blocks import report_message
from llmtrace.reports.document import Document

if TYPE_CHECKING:
    from llmtrace.alerts.notify import Message, Outcome
    from llmtrace.config import Secret

TIMEOUT_S: Final = 10.0
MAX_RESPONSE_BYTES: Final = 65_536
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_SLACK_ERROR: Final = re.compile(r"[a-z_]{1,60}")
_RETRIED: Final = frozenset({408, 429})


class SlackNotifier:
    """A Slack incoming webhook."""

    def __init__(self, url: Secret, *, dashboard_url: str | None = None) -> None:
        """Send to ``url``: https, or http on this machine (tests, the demo)."""
        self._url = url
        self._dashboard_url = dashboard_url

    def send(self, message: Message) -> Outcome:
        """Post one message; see ``Notifier.send``."""
        if isinstance(message, Document):
            body = report_message(message)
        else:
            body = slack_message(message, dashboard_url=self._dashboard_url)
        target = _target(self._url.reveal())
        if isinstance(target, GiveUp):
            return target
        try:
            return _post(target, json.dumps(body).encode())
        except (OSError, http.client.HTTPException, ValueError) as error:
            # The exception's text may name the path; its type and errno are enough.
            reason = getattr(error, "strerror", None) or type(error).__name__
            return RetryAfter(reason=f"{target.scheme}://{target.hostname}: {reason}")


def _target(url: str) -> SplitResult | GiveUp:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return GiveUp(reason="the webhook URL is not a URL; copy it again from Slack")
    is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or parts.username or not (parts.scheme == "https" or is_local):
        return GiveUp(reason="the webhook URL must begin with https:// and name a host")
    return parts


def _post(target: SplitResult, body: bytes) -> Outcome:
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    # http.client knows no proxy variables and follows no redirects: what is wanted here.
    connection = kind(str(target.hostname), target.port, timeout=TIMEOUT_S)
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return _outcome(response.status, response.getheader("Retry-After"), _read(response))
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse) -> str:
    """Read what a well-behaved Slack answers, and no more than is fit to look at."""
    deadline = time.monotonic() + TIMEOUT_S
    read = b""
    while len(read) < MAX_RESPONSE_BYTES and time.monotonic() < deadline:
        chunk = response.read1(4_096)
        if not chunk:
            break
        read += chunk
    return read.decode("utf-8", errors="replace")


def _outcome(status: int, retry_after: str | None, body: str) -> Outcome:
    if 200 <= status < 300:
        return Sent()
    # Slack's errors are words as no_service; anything else might quote what we sent.
    word = body.strip() if _SLACK_ERROR.fullmatch(body.strip()) else ""
    reason = f"HTTP {status} {word}".strip()
    if status in _RETRIED or status >= 500:
        return RetryAfter(reason=reason, seconds=_seconds(retry_after))
    return GiveUp(reason=reason)


def _seconds(text: str | None) -> float | None:
    # Slack sends seconds; the other form, a date, is left to our own schedule.
    return float(text) if text and re.fullmatch(r"[0-9]{1,6}", text.strip()) else None
