"""One stored call, as replay needs it. Pure: a row of ``llm_calls_full`` in, a record out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace import semconv
from llmtrace.errors import ReplayError

if TYPE_CHECKING:
    from datetime import datetime

MARKER: Final = re.compile(r"\[REDACTED:[^\]\"\\]{1,64}\]")
"""What redaction leaves behind."""

JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCall:
    """What a call sent and got. Unknown is None."""

    span_id: str
    trace_id: str
    api: str
    """Wire format of the bodies, a ``semconv.API_*`` name; empty if it was not recorded."""
    provider: str | None = None
    tenant: str | None = None
    server_address: str | None = None
    """Where the call went. Untrusted: nothing is ever sent there because of it."""
    start_time: datetime | None = None
    request_model: str | None = None
    model: str | None = None
    """Of the response, else of the request."""
    request_body: str | None = None
    """JSON text as it was captured."""
    response_body: str | None = None
    redacted: str | None = None
    """What was taken out, as ``kind=count`` pairs; None or empty if nothing was."""
    is_truncated: bool = False
    is_stream: bool = False
    stream_outcome: str | None = None
    http_status: int | None = None
    error_type: str | None = None
    status_message: str | None = None
    request_id: str | None = None
    service_tier: str | None = None
    finish_reasons: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None
    latency_ms: float | None = None

    def request(self) -> JsonObject | None:
        """Return the request body, None if it was not captured or is not whole JSON."""
        return _object(self.request_body)

    def response(self) -> JsonObject | None:
        """Return the plain or merged response body, None if there is none that is whole JSON."""
        return _object(self.response_body)

    @property
    def is_request_redacted(self) -> bool:
        """Whether the stored request differs from the one that was sent."""
        if not self.redacted:
            return False
        # a user's own redaction may leave any mark, and is counted as "custom"
        return "custom=" in self.redacted or bool(MARKER.search(self.request_body or ""))


def stored_call(row: Mapping[str, Any]) -> StoredCall:
    """Read a row of ``llm_calls_full``, or a mapping like one; only the ids are required.

    Raises ReplayError if an id is missing.
    """
    for name in ("span_id", "trace_id"):
        if not isinstance(row.get(name), str):
            raise ReplayError(f"a stored call needs {name!r}; its columns are {sorted(row)}")
    attributes = _mapping(row.get("attributes"))
    return StoredCall(
        span_id=row["span_id"],
        trace_id=row["trace_id"],
        api=row.get("api") or "",
        provider=row.get("provider"),
        tenant=row.get("tenant"),
        server_address=attributes.get(semconv.SERVER_ADDRESS),
        start_time=row.get("start_time"),
        request_model=row.get("request_model"),
        model=row.get("model") or row.get("response_model") or row.get("request_model"),
        request_body=_json_text(row.get("request_body")),
        response_body=_json_text(row.get("response_body")),
        redacted=row.get("redacted"),
        is_truncated=str(row.get("truncated") or "false").lower() not in {"false", "0"},
        is_stream=bool(row.get("is_stream")),
        stream_outcome=row.get("stream_outcome"),
        http_status=row.get("http_status"),
        error_type=row.get("error_type"),
        status_message=row.get("status_message"),
        request_id=row.get("request_id"),
        service_tier=row.get("service_tier"),
        finish_reasons=tuple(row.get("finish_reasons") or ()),
        input_tokens=row.get("input_tokens"),
        output_tokens=row.get("output_tokens"),
        cost_usd=_money(row.get("cost_usd")),
        latency_ms=row.get("latency_ms"),
    )


def _mapping(value: object) -> dict[str, str]:
    """Return a MAP column as a dict; Arrow gives it as a list of pairs."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, str]", value))
    return dict(cast("list[tuple[str, str]]", value)) if isinstance(value, list) else {}


def _money(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _json_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _object(text: str | None) -> JsonObject | None:
    if not text:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("JsonObject", value) if isinstance(value, dict) else None
