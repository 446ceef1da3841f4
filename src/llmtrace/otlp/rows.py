"""Rows that the store takes: one ``SpanRow`` a span, in the columns of the ``spans`` table.

Frozen and plain; made by ``normalize``, priced by a ``Pricer``, written by ``store.writer``.
Nothing here knows protobuf or SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

Status = Literal["ok", "error"]
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """Something that happened within a span, as an exception."""

    time_us: int
    """Microseconds since 1970-01-01 UTC."""
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A pointer from a span to a span of another trace."""

    trace_id: bytes
    span_id: int
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


class SpanRow(NamedTuple):
    """One span as it is stored. None means unknown, never zero; money is exact US dollars.

    Give values by name. A tuple, since every span that comes makes one or two of these: so many
    fields of a frozen dataclass take 18 µs to fill and 44 to replace one, those of a tuple 5.
    """

    trace_id: bytes
    """16 bytes, not all zero."""
    span_id: int
    """1 to 2**64-1."""
    start_time_us: int
    """Microseconds since 1970-01-01 UTC."""
    end_time_us: int
    """Never before the start."""
    duration_ns: int | None
    """None if the span's end was before its start, or missing."""
    parent_span_id: int | None = None
    name: str = ""
    kind: str = "internal"
    """``internal`` | ``server`` | ``client`` | ``producer`` | ``consumer``."""
    status: Status = "ok"
    status_message: str | None = None
    error_type: str | None = None
    http_status: int | None = None
    service: str | None = None
    environment: str | None = None
    sdk: str | None = None
    origin: str | None = None
    """Instrumentation scope that made the span; ``llmtrace`` for ours."""
    api: str | None = None
    """Wire format of the bodies, as ``openai.chat``; None if there are none."""
    is_inference: bool = False
    """Whether usage and cost of this span enter sums (``semconv.INFERENCE_OPERATIONS``)."""
    operation: str | None = None
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    agent_name: str | None = None
    tool_name: str | None = None
    user_id: str | None = None
    tenant: str | None = None
    session_id: str | None = None
    feature: str | None = None
    tags: Mapping[str, str] = NOTHING
    finish_reasons: tuple[str, ...] | None = None
    response_id: str | None = None
    request_id: str | None = None
    service_tier: str | None = None
    is_stream: bool | None = None
    stream_outcome: str | None = None
    retry_count: int | None = None
    ttfc_ns: int | None = None
    """Time to the first chunk of a streamed answer, on the client's side."""
    input_tokens: int | None = None
    """All input, cached included."""
    output_tokens: int | None = None
    """All output, reasoning included."""
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_input_tokens: int | None = None
    image_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    image_output_tokens: int | None = None
    usage_source: str | None = None
    usage_anomaly: str | None = None
    cost_usd: Decimal | None = None
    cost_input_usd: Decimal | None = None
    cost_output_usd: Decimal | None = None
    cost_cache_read_usd: Decimal | None = None
    cost_cache_write_usd: Decimal | None = None
    cost_tools_usd: Decimal | None = None
    cost_source: str | None = None
    price_version: str | None = None
    cache_status: str | None = None
    cache_savings_usd: Decimal | None = None
    rate_limit_limit_requests: int | None = None
    rate_limit_remaining_requests: int | None = None
    rate_limit_limit_tokens: int | None = None
    rate_limit_remaining_tokens: int | None = None
    attributes: Mapping[str, str] = NOTHING
    """What has no column of its own; text as it came, everything else as JSON."""
    resource: Mapping[str, str] = NOTHING

    request_body: str | None = None
    response_body: str | None = None
    input_messages: str | None = None
    output_messages: str | None = None
    system_instructions: str | None = None
    tool_definitions: str | None = None
    usage_raw: str | None = None
    redacted: str | None = None
    truncated: str | None = None

    events: tuple[EventRow, ...] = ()
    links: tuple[LinkRow, ...] = ()


Pricer = Callable[[SpanRow], SpanRow]
"""Returns the row with its cost filled in, or unchanged. Must not raise."""


def leave_unpriced(row: SpanRow) -> SpanRow:
    """Price nothing: a ``Pricer`` for stores without prices, and for tests."""
    return row
