"""Anthropic's usage and cost reports: the Console's CSV and the pages of the admin API.

Input is told in parts beside one another: without cache, read from it, written for 5 minutes or an
hour. The CSV's costs are dollars, **the API's are cents** as decimal text. Fields:
platform.claude.com/docs/en/api/admin (usage_report/messages, cost_report).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.imports.fields import Fields, UnreadableError
from llmtrace.otlp.imports.records import Format, Imported, Record
from llmtrace.otlp.imports.usage_rows import UsageRow, count, identity, imported, money
from llmtrace.usage.counts import as_list, as_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

NAME: Final = "anthropic-usage"
_HOUR_NS: Final = 3_600 * 10**9
_DATE_ONLY: Final = len("2026-11-21")
_TIMES: Final = ("starting_at", "ending_at")
_SAME: Final = (
    "model",
    "model_version",
    "workspace",
    "workspace_id",
    "api_key",
    "api_key_id",
    "usage_type",
    "context_window",
    "service_tier",
    "token_type",
    "cost_type",
    "description",
    "inference_geo",
    "speed",
)
_UNCACHED: Final = ("usage_input_tokens_no_cache", "uncached_input_tokens")
_READ: Final = ("usage_input_tokens_cache_read", "cache_read_input_tokens")
_WRITTEN_5M: Final = ("usage_input_tokens_cache_write_5m", "ephemeral_5m_input_tokens")
_WRITTEN_1H: Final = ("usage_input_tokens_cache_write_1h", "ephemeral_1h_input_tokens")
_MADE: Final = ("usage_output_tokens", "output_tokens")
_SEARCHES: Final = ("web_search_count", "web_search_requests")


def knows(names: frozenset[str]) -> bool:
    """Say whether a record is a bucket of a page, or a row of the CSV."""
    return "usage_date_utc" in names or names >= {"starting_at", "ending_at", "results"}


def parts(record: Record) -> Iterable[Record]:
    """Take a bucket apart into the rows in it."""
    if "results" not in record:
        return (record,)
    times = {name: record.get(name) for name in _TIMES}
    return tuple({**as_mapping(each), **times} for each in as_list(record["results"]))


def read(record: Record) -> Imported | None:
    """Read a row; None for a bucket in which nothing happened."""
    fields = Fields(record)
    if not set(fields.names()) - {*_TIMES, "usage_date_utc"}:
        return None
    start, end = _times(fields)
    same = identity(fields, _SAME)
    is_cost = bool({"cost_usd", "amount"} & set(fields.names()))
    cost = _cost(fields)
    row = UsageRow(
        provider="anthropic",
        start_ns=start,
        end_ns=end,
        kind="costs" if is_cost else "usage",
        model=fields.text("model_version", "model"),
        counts={} if is_cost else _counts(fields),
        cost_usd=cost,
        same=same,
        attributes=fields.rest("anthropic.usage"),
    )
    return imported(NAME, row)


def _times(fields: Fields) -> tuple[int, int]:
    day = fields.text("usage_date_utc")
    if day is not None:
        fields.put("usage_date_utc", day)
        start = fields.time_ns("usage_date_utc") or 0
        return start, start + _HOUR_NS * (24 if len(day.strip()) == _DATE_ONLY else 1)
    start, end = fields.time_ns("starting_at"), fields.time_ns("ending_at")
    if start is None or end is None:
        raise UnreadableError("no time")
    return start, end


def _counts(fields: Fields) -> dict[str, int]:
    for inner in ("cache_creation", "server_tool_use"):
        for name, value in fields.mapping(inner).items():
            fields.put(name, value)
    plain, cached = count(fields, *_UNCACHED), count(fields, *_READ)
    short, long = count(fields, *_WRITTEN_5M), count(fields, *_WRITTEN_1H)
    searches = count(fields, *_SEARCHES)
    told = {
        semconv.USAGE_OUTPUT_TOKENS: count(fields, *_MADE),
        semconv.USAGE_CACHE_READ: cached,
        semconv.USAGE_CACHE_WRITE_5M: short,
        semconv.USAGE_CACHE_WRITE_1H: long,
        f"{semconv.USAGE_REQUESTS_PREFIX}web_search": searches or None,
    }
    if (plain, cached, short, long) != (None,) * 4:
        told[semconv.USAGE_INPUT_TOKENS] = sum(each or 0 for each in (plain, cached, short, long))
    if (short, long) != (None, None):
        told[semconv.USAGE_CACHE_CREATION] = (short or 0) + (long or 0)
    return {name: number for name, number in told.items() if number is not None}


def _cost(fields: Fields) -> Decimal | None:
    dollars = money(fields, "cost_usd")
    if dollars is not None:
        return dollars
    currency = fields.text("currency")
    if currency is not None and currency.upper() != "USD":
        raise UnreadableError("not in USD", f"amounts in {currency[:20]!r}; only USD is read")
    cents = money(fields, "amount")
    return None if cents is None else cents / 100


FORMAT: Final = Format(NAME, knows, parts, read)
