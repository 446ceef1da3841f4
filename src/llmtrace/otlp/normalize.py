"""Plain spans → rows of the store: which attribute goes to which column, and what is believable.

Pure and total: whatever a stranger sent, a row comes out. A value that cannot be true (negative
tokens, text for a number, NaN, an end before the start) becomes unknown and its column is named.
Reads the gen_ai conventions and our own names; ``dialects`` says in those what other tools say.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from llmtrace import semconv
from llmtrace.otlp.dialects import translate
from llmtrace.otlp.rows import NOTHING, EventRow, LinkRow, SpanRow
from llmtrace.usage.counts import MAX_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.otlp.decode import PlainSpan

_KINDS: Final = ("internal", "internal", "server", "client", "producer", "consumer")
_ERROR_STATUS: Final = 2
# Beyond this, in the year 2262, nanoseconds leave 64 bits: no clock of ours or pandas' tells it.
_MAX_NS: Final = 2**63 - 1
_MAX_COUNT: Final = 2**63 - 1
_MAX_HTTP_STATUS: Final = 999
# What is added up over many calls: a single one near 2**63 would make every sum overflow.
_SUMMED: Final = re.compile(r"(?!rate_limit_).*_tokens|retry_count")
_CENT_OF_A_MILLIONTH: Final = Decimal("1e-12")
_MAX_USD: Final = Decimal(999_999)
_MAX_TEXT: Final = 256 * 1024
_MAX_WAIT_S: Final = 1e6
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

_TEXT: Final[Mapping[str, tuple[str, ...]]] = {
    "error_type": (semconv.ERROR_TYPE,),
    "sdk": (semconv.SDK,),
    "api": (semconv.API,),
    "operation": (semconv.OPERATION_NAME,),
    "provider": (semconv.PROVIDER_NAME, semconv.SYSTEM_OLD),
    "request_model": (semconv.REQUEST_MODEL,),
    "response_model": (semconv.RESPONSE_MODEL,),
    "agent_name": (semconv.AGENT_NAME,),
    "tool_name": (semconv.TOOL_NAME,),
    "user_id": (semconv.USER_ID,),
    "tenant": (semconv.TENANT,),
    "session_id": (semconv.CONVERSATION_ID,),
    "feature": (semconv.FEATURE,),
    "response_id": (semconv.RESPONSE_ID,),
    "request_id": (semconv.REQUEST_ID,),
    "service_tier": (
        semconv.SERVICE_TIER,
        semconv.OPENAI_RESPONSE_SERVICE_TIER,
        semconv.OPENAI_REQUEST_SERVICE_TIER,
    ),
    "stream_outcome": (semconv.STREAM_OUTCOME,),
    "usage_source": (semconv.USAGE_SOURCE,),
    "usage_anomaly": (semconv.USAGE_ANOMALY,),
    "usage_raw": (semconv.USAGE_RAW,),
    "price_version": (semconv.PRICE_VERSION,),
    "cache_status": (semconv.CACHE_STATUS,),
    "request_body": (semconv.REQUEST_BODY,),
    "response_body": (semconv.RESPONSE_BODY,),
    "input_messages": (semconv.INPUT_MESSAGES,),
    "output_messages": (semconv.OUTPUT_MESSAGES,),
    "system_instructions": (semconv.SYSTEM_INSTRUCTIONS,),
    "tool_definitions": (semconv.TOOL_DEFINITIONS,),
    "redacted": (semconv.REDACTED,),
    "truncated": (semconv.TRUNCATED,),
}
_COUNTS: Final[Mapping[str, tuple[str, ...]]] = {
    "http_status": (semconv.HTTP_STATUS_CODE,),
    "retry_count": (semconv.RETRY_COUNT,),
    "input_tokens": (semconv.USAGE_INPUT_TOKENS, semconv.USAGE_PROMPT_OLD),
    "output_tokens": (semconv.USAGE_OUTPUT_TOKENS, semconv.USAGE_COMPLETION_OLD),
    "cache_read_tokens": (semconv.USAGE_CACHE_READ, semconv.USAGE_CACHE_READ_OLD),
    "cache_write_tokens": (
        semconv.USAGE_CACHE_WRITE,
        semconv.USAGE_CACHE_CREATION,
        semconv.USAGE_CACHE_CREATION_OLD,
        semconv.USAGE_CACHE_WRITE_OLD,
    ),
    "cache_write_5m_tokens": (semconv.USAGE_CACHE_WRITE_5M,),
    "cache_write_1h_tokens": (semconv.USAGE_CACHE_WRITE_1H,),
    "reasoning_tokens": (semconv.USAGE_REASONING, semconv.USAGE_REASONING_OLD),
    "audio_input_tokens": (semconv.USAGE_AUDIO_INPUT,),
    "image_input_tokens": (semconv.USAGE_IMAGE_INPUT,),
    "audio_output_tokens": (semconv.USAGE_AUDIO_OUTPUT,),
    "image_output_tokens": (semconv.USAGE_IMAGE_OUTPUT,),
    "rate_limit_limit_requests": (semconv.RATE_LIMIT_LIMIT_REQUESTS,),
    "rate_limit_remaining_requests": (semconv.RATE_LIMIT_REMAINING_REQUESTS,),
    "rate_limit_limit_tokens": (semconv.RATE_LIMIT_LIMIT_TOKENS,),
    "rate_limit_remaining_tokens": (semconv.RATE_LIMIT_REMAINING_TOKENS,),
}
_LIMITS: Final[Mapping[str, int]] = {
    "http_status": _MAX_HTTP_STATUS,
    **{column: MAX_TOKENS for column in _COUNTS if _SUMMED.fullmatch(column)},
}
_MONEY: Final[Mapping[str, str]] = {
    "cost_usd": semconv.COST_TOTAL,
    "cost_input_usd": semconv.COST_INPUT,
    "cost_output_usd": semconv.COST_OUTPUT,
    "cost_cache_read_usd": semconv.COST_CACHE_READ,
    "cost_cache_write_usd": semconv.COST_CACHE_WRITE,
    "cost_tools_usd": semconv.COST_TOOLS,
    "cache_savings_usd": semconv.CACHE_SAVINGS,
}
UNPRICED: Final = "unpriced"
"""``cost_source`` of a row whose cost is unknown: a ``Pricer`` may still find it."""


class Normalized(NamedTuple):
    """A row, and the columns whose values could not be believed."""

    row: SpanRow
    repaired: tuple[str, ...]


_COLUMN_OF: Final = {
    name: column for column, names in (*_TEXT.items(), *_COUNTS.items()) for name in names
}
"""Attribute → the column that takes it: a span has few of all the attributes that could be."""
_FIRST_TEXT: Final = {names[0]: column for column, names in _TEXT.items()}
_FIRST_COUNT: Final = {
    names[0]: (column, _LIMITS.get(column, _MAX_COUNT)) for column, names in _COUNTS.items()
}
"""The attribute that a column is taken from before any other."""


class _Attributes:
    """The attributes of one span that no column has taken yet."""

    def __init__(self, values: dict[str, object]) -> None:
        """Take from ``values``."""
        self.rest = values
        self.repaired: list[str] = []
        # A provider's report of a day is beyond what one call can be, and enters no sum.
        self._is_report = values.get(semconv.OPERATION_NAME) == semconv.OP_USAGE_REPORT

    def take(self, names: tuple[str, ...]) -> tuple[str, object]:
        """Remove the first that is there and not None, and return its name and value."""
        for name in names:
            value = self.rest.get(name)
            if value is not None:
                del self.rest[name]
                return name, value
        return "", None

    def put_back(self, name: str, value: object, column: str) -> None:
        """Keep what ``column`` could not believe among the attributes, for people to see."""
        self.rest[name] = value
        self.repaired.append(column)

    def text(self, names: tuple[str, ...]) -> str | None:
        value = self.take(names)[1]
        if value is None or value == "":
            return None
        return value if isinstance(value, str) else _as_text(value)

    def columns(self) -> dict[str, Any]:
        """Take what has a column of text or counts; a column that is not there is unknown."""
        found: dict[str, Any] = {}
        rest = self.rest
        for name, value in tuple(rest.items()):
            column = _COLUMN_OF.get(name)
            if column is None or column in found:
                continue
            # As most are comes first, in short, for speed.
            if type(value) is str and name in _FIRST_TEXT:
                found[column] = value or None
                del rest[name]
            elif (
                type(value) is int
                and name in _FIRST_COUNT
                and 0 <= value <= _FIRST_COUNT[name][1]
                and not self._is_report
            ):
                found[column] = value
                del rest[name]
            elif column in _TEXT:
                found[column] = self.text(_TEXT[column])
            else:
                found[column] = self.count(column)
        return found

    def count(self, column: str) -> int | None:
        name, value = self.take(_COUNTS[column])
        limit = _MAX_COUNT if self._is_report else _LIMITS.get(column, _MAX_COUNT)
        count = _as_count(value, limit)
        if count is None and value is not None:
            self.put_back(name, value, column)
        return count

    def money(self, column: str, name: str) -> Decimal | None:
        _, value = self.take((name,))
        amount = _as_money(value, signed=column == "cache_savings_usd")
        if amount is None and value is not None:
            self.put_back(name, value, column)
        return amount


def normalize(span: PlainSpan, *, resource: Mapping[str, str] | None = None) -> Normalized:
    """Put one span into the store's columns. Never raises.

    Costs are taken from the span only if it says where they come from; else they are unknown here
    and priced later. ``resource``: its ``resource_texts``, for who has them already.
    """
    told, span = span, translate(span)
    # What was translated is a copy already.
    rest = dict(span.attributes) if span is told else cast("dict[str, object]", span.attributes)
    attributes = _Attributes(rest)
    if resource is None:
        resource = resource_texts(span.resource)
    columns = attributes.columns()
    is_counted_below = attributes.rest.get(semconv.COUNTED_BELOW) is True
    columns["is_inference"] = (
        columns.get("operation") in semconv.INFERENCE_OPERATIONS and not is_counted_below
    )
    columns.update(_cost(attributes))
    columns.update(_times(span, attributes))
    columns["ttfc_ns"] = _wait_ns(attributes)
    columns["is_stream"] = _flag(attributes)
    if columns["is_stream"] is None and columns.get("api") is not None:
        # The conventions set the flag only when it is true; of our own spans its absence says no.
        columns["is_stream"] = False
    columns["finish_reasons"] = _texts(attributes.take((semconv.RESPONSE_FINISH_REASONS,))[1])
    columns["tags"] = _tags(attributes)
    if span.shortened:
        columns["truncated"] = ",".join(filter(None, [columns.get("truncated"), *span.shortened]))
    failed = span.status == _ERROR_STATUS or columns.get("error_type") is not None
    if columns["is_inference"] and columns["cost_source"] is None:
        told_tokens = (columns.get("input_tokens"), columns.get("output_tokens")) != (None, None)
        # A call that was refused consumed nothing: there is no price that it lacks.
        columns["cost_source"] = UNPRICED if told_tokens or not failed else None
    row = SpanRow(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        name=span.name,
        kind=_KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else "internal",
        status="error" if failed else "ok",
        status_message=span.status_message or None,
        service=resource.get(semconv.SERVICE_NAME) or None,
        environment=resource.get(semconv.DEPLOYMENT_ENVIRONMENT)
        or resource.get(semconv.DEPLOYMENT_ENVIRONMENT_OLD)
        or None,
        origin=span.scope_name or None,
        attributes=_texts_by_name(attributes.rest),
        resource=resource,
        events=_events(span),
        links=_links(span),
        **columns,
    )
    return Normalized(row, tuple(attributes.repaired))


def resource_texts(resource: Mapping[str, object]) -> dict[str, str]:
    """Return what is stored of a resource, which many spans have in common."""
    return _texts_by_name(
        {k: v for k, v in resource.items() if not k.startswith(semconv.DROPPED_PREFIX)}
    )


def _cost(attributes: _Attributes) -> dict[str, object]:
    """Return the money columns; all unknown unless the span names a source other than unpriced."""
    source = attributes.text((semconv.COST_SOURCE,))
    if source is None or source == UNPRICED:
        return {"cost_source": source}
    amounts = {column: attributes.money(column, name) for column, name in _MONEY.items()}
    if amounts["cost_usd"] is None:
        return {"cost_source": UNPRICED}
    return {**amounts, "cost_source": source}


def _times(span: PlainSpan, attributes: _Attributes) -> dict[str, object]:
    """Return start, end and duration.

    A start that cannot be true is replaced by the end, else by 1970: a span that is sent again
    must get the same one, or it would be stored twice.
    """
    end_is_good = 0 < span.end_ns <= _MAX_NS
    start = span.start_ns
    if not 0 < start <= _MAX_NS:
        attributes.repaired.append("start_time")
        start = span.end_ns if end_is_good else 0
    if not end_is_good or span.end_ns < span.start_ns:
        attributes.repaired.append("end_time")
        return {"start_time_us": start // 1_000, "end_time_us": start // 1_000, "duration_ns": None}
    # When a batch's result was answered is known, how long that took is not.
    has_length = start == span.start_ns and semconv.BATCH_CUSTOM_ID not in span.attributes
    return {
        "start_time_us": start // 1_000,
        "end_time_us": span.end_ns // 1_000,
        "duration_ns": span.end_ns - start if has_length else None,
    }


def _wait_ns(attributes: _Attributes) -> int | None:
    name, value = attributes.take((semconv.RESPONSE_TIME_TO_FIRST_CHUNK,))
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _MAX_WAIT_S:
        return round(value * 1e9)
    attributes.put_back(name, value, "ttfc_ns")
    return None


def _flag(attributes: _Attributes) -> bool | None:
    name, value = attributes.take((semconv.REQUEST_STREAM,))
    if value is None or isinstance(value, bool):
        return value
    attributes.put_back(name, value, "is_stream")
    return None


def _tags(attributes: _Attributes) -> Mapping[str, str]:
    prefix = semconv.TAG_PREFIX
    if prefix not in "\n".join(attributes.rest):  # asked first: few spans have any
        return NOTHING
    names = [name for name in attributes.rest if name.startswith(prefix) and name != prefix]
    return {name.removeprefix(prefix): _as_text(attributes.rest.pop(name)) for name in names}


def _events(span: PlainSpan) -> tuple[EventRow, ...]:
    if not span.events:
        return ()
    return tuple(
        EventRow(
            time_us=(event.time_ns if event.time_ns <= _MAX_NS else 0) // 1_000,
            name=event.name,
            attributes=_texts_by_name(event.attributes),
        )
        for event in span.events
    )


def _links(span: PlainSpan) -> tuple[LinkRow, ...]:
    if not span.links:
        return ()
    return tuple(
        LinkRow(
            trace_id=link.trace_id,
            span_id=link.span_id,
            attributes=_texts_by_name(link.attributes),
        )
        for link in span.links
    )


def _as_count(value: object, limit: int) -> int | None:
    if type(value) is int:
        return value if 0 <= value <= limit else None
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value <= limit else None


def _as_money(value: object, *, signed: bool) -> Decimal | None:
    """Return dollars to 12 decimals; ``repr`` of a double is the decimal that was meant."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    amount = Decimal(repr(value))
    if abs(amount) > _MAX_USD or (amount < 0 and not signed):
        return None
    return amount.quantize(_CENT_OF_A_MILLIONTH)


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if type(value) is int:  # not bool, which JSON writes in another way
        return str(value)
    if type(value) is float and math.isfinite(value):
        return repr(value)  # as JSON does
    return _JSON.encode(value)[:_MAX_TEXT]


def _texts(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, list):
        return tuple(_as_text(item) for item in value if item is not None)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # items are narrowed by _as_text
    return (_as_text(value),)


def _texts_by_name(values: Mapping[str, object]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else _as_text(value)
        for name, value in values.items()
        if value is not None
    }
