"""Post OTLP requests to one HTTP endpoint, and tell by its answer what is to become of them.

An answer that says "later" (429, 502, 503, 504, no answer) or "who are you" (401, 403) is waited
for; one that says "never" is final. Redirects are not followed. Used by apps and by the collector:
standard library only. Neither the URL nor a header is ever part of what is told.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Literal

from opentelemetry import context

from llmtrace.clock import SystemClock
from llmtrace.otlp.fields import fields, parts
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token

    from opentelemetry.context.context import Context

    from llmtrace.config import Secret

Verdict = Literal["accepted", "later", "never"]

BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits after so many failures in a row; after more the last one."""
_LATER: Final = frozenset({301, 302, 303, 307, 308, 401, 403, 408, 429, 502, 503, 504})
_LONGEST_ANSWER: Final = 65_536
_GZIP_BITS: Final = 31
_MOST_SPANS: Final = 2**31
"""An endpoint cannot have rejected more than were sent; what it says is not believed beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an endpoint said to one request."""

    verdict: Verdict
    status: int = 0
    """HTTP; 0: there was no answer."""
    why: str = ""
    """``HTTP 503``, or the name of the error; for people."""
    retry_after_s: float = 0.0
    """How long it asked to be left alone; 0: it did not say."""
    rejected: int = 0
    """Spans that it did not take of an accepted request; they are not to be sent again."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its body, with our token, elsewhere."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        """Let the answer be an error."""


class Poster:
    """Posts to one URL; from one thread at a time."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, Secret],
        *,
        timeout_s: float,
        compression: Literal["gzip", "none"] = "none",
    ) -> None:
        """Prepare to post to ``url`` with ``headers``; ``timeout_s`` is for each step of a post."""
        self._url = url
        self._headers = headers
        self._timeout_s = timeout_s
        self._compression = compression
        self._opener = urllib.request.build_opener(_NoRedirect)

    def post(self, payload: bytes, more: Mapping[str, str] | None = None) -> Answer:
        """Post one request, with ``more`` headers; never raises for what the other side does."""
        headers = {
            "content-type": "application/x-protobuf",
            "user-agent": f"llmtrace/{VERSION}",
            **(more or {}),
        }
        if self._compression == "gzip":
            headers["content-encoding"] = "gzip"
            payload = _gzipped(payload)
        headers.update({name: value.reveal() for name, value in self._headers.items()})
        request = urllib.request.Request(self._url, payload, headers, method="POST")  # noqa: S310  # http(s) only: config checks
        token = _silence()
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                body: bytes = answer.read(_LONGEST_ANSWER)
                status: int = answer.status
        except urllib.error.HTTPError as error:
            return _refusal(error)
        except (OSError, ValueError, http.client.HTTPException) as error:
            # The name alone: a text may hold the header that could not be sent.
            return Answer(verdict="later", why=type(error).__name__)
        finally:
            if token is not None:
                context.detach(token)
        return Answer(verdict="accepted", status=status, rejected=_rejected(body))


class Backoff:
    """How long to leave an endpoint alone after its last answers."""

    def __init__(self, *, max_retry_after_s: float) -> None:
        """Obey an endpoint that asks for a pause of up to ``max_retry_after_s`` seconds."""
        self._max_retry_after_s = max_retry_after_s
        self._asked_s = 0.0
        self.failures = 0
        """In a row; 0 after an answer that is no failure."""

    def note(self, answer: Answer) -> None:
        """Take an answer into account."""
        if answer.verdict == "later":
            self.failed(answer.retry_after_s)
        elif answer.verdict == "accepted":
            self.failures = 0
            self._asked_s = 0.0

    def failed(self, asked_s: float = 0.0) -> None:
        """Count a failure, after which the endpoint asked for a pause."""
        self.failures += 1
        self._asked_s = min(asked_s, self._max_retry_after_s)

    @property
    def asked_s(self) -> float:
        """Seconds that the endpoint asked for, 0 if it did not: not to be cut short."""
        return self._asked_s

    @property
    def pause_s(self) -> float:
        """Seconds to wait in all."""
        own_s = BACKOFF_S[min(self.failures, len(BACKOFF_S)) - 1] if self.failures else 0.0
        return max(own_s, self._asked_s)


def _silence() -> Token[Context] | None:
    """Ask instrumented HTTP clients to leave a post of telemetry alone."""
    key = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", None)
    return None if key is None else context.attach(context.set_value(key, True))


def _gzipped(payload: bytes) -> bytes:
    # The fastest level: spans are repetitive, more work gains little.
    packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP_BITS)
    return packer.compress(payload) + packer.flush()


def _refusal(error: urllib.error.HTTPError) -> Answer:
    status = error.code
    wait = error.headers.get("retry-after", "") if error.headers else ""
    error.close()
    return Answer(
        verdict="later" if status in _LATER else "never",
        status=status,
        why=f"HTTP {status}",
        retry_after_s=_seconds(wait.strip()) if status in _LATER else 0.0,
    )


def _seconds(text: str) -> float:
    """Read a Retry-After: seconds, or a date; 0 for anything else."""
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - SystemClock().now()).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _rejected(body: bytes) -> int:
    """Return ``partial_success.rejected_spans`` of an ``ExportTraceServiceResponse``."""
    found = 0
    for start, end in parts(body, 0, len(body), 1):
        for field in fields(body, start, end):
            if field.number == 1 and field.end is None and field.value < _MOST_SPANS:
                found = field.value
    return found
