"""OpenAI's usage and cost reports: the dashboard's CSV and the pages of ``/v1/organization``.

A row is a bucket of time and what it is grouped by. ``input_tokens`` holds cached and audio tokens;
times are seconds since 1970; ``amount`` is dollars. Fields:
platform.openai.com/docs/api-reference/usage.
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

NAME: Final = "openai-usage"
_MARKS: Final = frozenset(
    {
        "amount",
        "amount_value",
        "characters",
        "images",
        "num_model_requests",
        "num_requests",
        "num_sessions",
        "seconds",
        "usage_bytes",
    }
)
_SAME: Final = (
    "project_id",
    "user_id",
    "api_key_id",
    "model",
    "batch",
    "service_tier",
    "line_item",
    "organization_id",
    "source",
    "size",
)
_TIMES: Final = ("start_time_iso", "end_time_iso")
_COUNTS: Final = {
    semconv.USAGE_INPUT_TOKENS: "input_tokens",
    semconv.USAGE_OUTPUT_TOKENS: "output_tokens",
    semconv.USAGE_CACHE_READ: "input_cached_tokens",
    semconv.USAGE_CACHE_CREATION: "input_cache_write_tokens",
    semconv.USAGE_AUDIO_INPUT: "input_audio_tokens",
    semconv.USAGE_AUDIO_OUTPUT: "output_audio_tokens",
    semconv.USAGE_IMAGE_INPUT: "input_image_tokens",
    semconv.USAGE_IMAGE_OUTPUT: "output_image_tokens",
    f"{semconv.USAGE_UNITS_PREFIX}images": "images",
    f"{semconv.USAGE_UNITS_PREFIX}characters": "characters",
    f"{semconv.USAGE_UNITS_PREFIX}audio_seconds": "seconds",
}


def knows(names: frozenset[str]) -> bool:
    """Say whether a record is a bucket of a page, or a row of the CSV."""
    is_bucket = names >= {"start_time", "end_time", "results"}
    return is_bucket or (names >= {"start_time", "end_time"} and bool(names & _MARKS))


def parts(record: Record) -> Iterable[Record]:
    """Take a bucket apart into the rows in it."""
    if "results" not in record:
        return (record,)
    times = {name: record.get(name) for name in ("start_time", "end_time")}
    return tuple({**as_mapping(each), **times} for each in as_list(record["results"]))


def read(record: Record) -> Imported | None:
    """Read a row; None for a bucket in which nothing happened."""
    fields = Fields(record)
    if not set(fields.names()) - {"start_time", "end_time", *_TIMES}:
        return None
    start, end = fields.time_ns("start_time"), fields.time_ns("end_time")
    for name in _TIMES:  # the same once more
        fields.take(name)
    if start is None or end is None:
        raise UnreadableError("no time")
    kind = _kind(fields)
    same = identity(fields, _SAME)
    told = {ours: count(fields, theirs) for ours, theirs in _COUNTS.items()}
    row = UsageRow(
        provider="openai",
        start_ns=start,
        end_ns=end,
        kind=kind,
        model=fields.text("model"),
        counts={name: number for name, number in told.items() if number is not None},
        requests=count(fields, "num_model_requests", "num_requests"),
        cost_usd=_cost(fields),
        same=same,
        attributes=fields.rest("openai.usage"),
    )
    return imported(NAME, row)


def _kind(fields: Fields) -> str:
    """Return what is reported: ``organization.usage.completions.result`` → ``completions``."""
    said = fields.text("object")
    if said is not None:
        return said.removesuffix(".result").rpartition(".")[2][:40]
    return "costs" if {"amount_value", "amount"} & set(fields.names()) else "usage"


def _cost(fields: Fields) -> Decimal | None:
    amount = fields.mapping("amount")
    if amount:
        fields.put("amount_value", amount.get("value"))
        fields.put("amount_currency", amount.get("currency"))
    currency = fields.text("amount_currency")
    if currency is not None and currency.lower() != "usd":
        raise UnreadableError("not in USD", f"amounts in {currency[:20]!r}; only USD is read")
    return money(fields, "amount_value")


FORMAT: Final = Format(NAME, knows, parts, read)
