"""Prices calls that came without a cost: of other instrumentations, of apps without prices.

A thin bridge from a row's columns to ``PriceBook``; prices and arithmetic are in ``pricing``.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

from llmtrace.clock import from_unix_ns
from llmtrace.otlp.normalize import UNPRICED
from llmtrace.otlp.rows import SpanRow
from llmtrace.pricing import load_price_book, region_of
from llmtrace.records import TokenUsage
from llmtrace.semconv import (
    OP_EMBEDDINGS,
    SERVER_ADDRESS,
    USAGE_REQUESTS_PREFIX,
    USAGE_UNITS_PREFIX,
)
from llmtrace.usage import read_usage
from llmtrace.usage.counts import as_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from llmtrace.config import Settings
    from llmtrace.otlp.rows import Pricer
    from llmtrace.pricing import PriceBook
    from llmtrace.records import UsageSource

_STORED: Final = Decimal("1e-12")
_ZERO: Final = Decimal("0e-12")
_BEGIN: Final = os.path.commonprefix((USAGE_REQUESTS_PREFIX, USAGE_UNITS_PREFIX))  # noqa: RUF071  # of any texts
"""How the names of all amounts begin."""
_COST: Final = SpanRow._fields.index("cost_usd")
"""Where the columns of money begin; a test holds their order."""
_MINUTE_US: Final = 60_000_000
_NO_AMOUNTS: Final[dict[str, Decimal]] = {}
_MAX_AMOUNT: Final = 1_000_000_000
"""As ``usage.counts`` has it: beyond it a number from outside is garbage."""


def book_pricer(book: PriceBook) -> Pricer:
    """Return a ``Pricer`` that asks ``book``; calls that told no tokens are left as they are."""

    def price(row: SpanRow) -> SpanRow:
        usage = row_usage(row)
        if usage is None:
            return row
        cost = book.price(
            row.provider or "",
            row.response_model or row.request_model,
            _minute(row.start_time_us // _MINUTE_US),
            usage,
            service_tier=row.service_tier,
            region=region_of(
                row.provider or "", host=row.attributes.get(SERVER_ADDRESS), usage=_raw(row)
            ),
        )
        if cost.total_usd is None:
            return row._replace(cost_source=UNPRICED)
        # As ``_replace`` does, in a third of the time: every call comes by here.
        priced = (
            _stored(cost.total_usd),
            _stored(cost.input_usd),
            _stored(cost.output_usd),
            _stored(cost.cache_read_usd),
            _stored(cost.cache_write_usd),
            _stored(cost.tools_usd),
            cost.source,
            cost.price_version,
            row.cache_status,
            _stored(cost.cache_savings_usd),
        )
        return SpanRow._make((*row[:_COST], *priced, *row[_COST + len(priced) :]))

    return price


@lru_cache(maxsize=4_096)
def _minute(number: int) -> datetime:
    """Return the beginning of a minute since 1970: no price depends on seconds."""
    return from_unix_ns(number * _MINUTE_US * 1_000)


def settings_pricer(settings: Settings) -> Pricer:
    """Return a ``Pricer`` over the published prices and the user's. Raises PriceFileError."""
    return book_pricer(load_price_book(settings))


def row_usage(row: SpanRow) -> TokenUsage | None:
    """Return a call's tokens in disjoint buckets, fees and units; None if it told none.

    The provider's own usage object is read if the row has it; else the columns, in which input
    includes what was cached (the semantic conventions). A part beyond its whole is cut to it.
    Fees and units that only the answer told are in the row's attributes.
    """
    counted = None
    if row.usage_raw is not None and row.api is not None:
        counted = read_usage(row.api, _json(row.usage_raw), source=_source(row))
    requests, units = _NO_AMOUNTS, _NO_AMOUNTS
    if _BEGIN in "\n".join(row.attributes):  # asked first: few calls have any
        requests = _amounts(row.attributes, USAGE_REQUESTS_PREFIX)
        units = _amounts(row.attributes, USAGE_UNITS_PREFIX)
    if counted is None:
        told = (row.input_tokens, row.output_tokens)
        if told == (None, None) and not requests and not units:
            return None
        counted = _from_columns(row)
        if told == (None, None):
            counted = replace(counted, source="provider")
    if not requests and not units:
        return counted
    return replace(
        counted,
        requests={kind: int(count) for kind, count in requests.items()} | dict(counted.requests),
        units=units | dict(counted.units),
    )


def _amounts(attributes: Mapping[str, str], prefix: str) -> dict[str, Decimal]:
    """Return the amounts of the attributes whose names begin with ``prefix``; only sound ones."""
    found: dict[str, Decimal] = {}
    for name, text in attributes.items():
        if name.startswith(prefix):
            amount = as_decimal(text)
            if amount is not None and 0 < amount <= _MAX_AMOUNT:
                found[name.removeprefix(prefix)] = amount
    return found


def _raw(row: SpanRow) -> Mapping[str, object] | None:
    raw = None if row.usage_raw is None else _json(row.usage_raw)
    return cast("Mapping[str, object]", raw) if isinstance(raw, dict) else None


def _from_columns(row: SpanRow) -> TokenUsage:
    rest = row.input_tokens or 0
    parts: list[int] = []
    for part in (
        row.cache_read_tokens,
        row.cache_write_5m_tokens,
        row.cache_write_1h_tokens,
        _other_writes(row),
        row.audio_input_tokens,
        row.image_input_tokens,
    ):
        taken = min(part, rest) if part else 0
        parts.append(taken)
        rest -= taken
    read, write_5m, write_1h, write_other, audio, image = parts
    out = row.output_tokens or 0
    reasoning = min(row.reasoning_tokens or 0, out)
    audio_out = min(row.audio_output_tokens or 0, out - reasoning)
    image_out = min(row.image_output_tokens or 0, out - reasoning - audio_out)
    return TokenUsage(
        input_uncached=rest,
        cache_read=read,
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        cache_write_other=write_other,
        input_audio=audio,
        input_image=image,
        output_text=out - reasoning - audio_out - image_out,
        output_reasoning=reasoning,
        output_audio=audio_out,
        output_image=image_out,
        source=_source(row),
    )


def _other_writes(row: SpanRow) -> int:
    known = (row.cache_write_5m_tokens or 0) + (row.cache_write_1h_tokens or 0)
    return max(0, (row.cache_write_tokens or 0) - known)


def _source(row: SpanRow) -> UsageSource:
    """Return how complete the counts are: embeddings have no output, other calls do."""
    if row.usage_source == "estimated":
        return "estimated"
    has_all = row.input_tokens is not None and (
        row.output_tokens is not None or row.operation == OP_EMBEDDINGS
    )
    return "provider" if has_all and row.usage_source != "partial" else "partial"


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _stored(amount: Decimal | None) -> Decimal | None:
    return amount.quantize(_STORED) if amount else amount if amount is None else _ZERO
