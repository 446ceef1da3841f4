"""Calls → rows of the rollups, as SQL text. Pure.

A rollup row is what the calls of one UTC hour, or day, with the same values add up to; taken out,
the same with the sign turned. Everything in it adds up exactly: counts, tokens, money, nanoseconds,
and how many calls fell into each bucket of a logarithmic histogram.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from llmtrace.store.call_columns import COMPUTED
from llmtrace.store.metric_definitions import RATE_LIMITED, TIMED_OUT, UNAUTHORIZED

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORD: Final = re.compile(r"\w+")
BUCKETS_PER_OCTAVE: Final = 16
PERCENTILE_ERROR: Final = 2 ** (1 / (2 * BUCKETS_PER_OCTAVE)) - 1
"""How far a percentile from the histogram may be from the value that occurred, as a ratio."""
LATENCY: Final = "latency"
TTFC: Final = "ttfc"
BUCKET_MS: Final = (
    f"case when bucket < 0 then 0.0 else pow(2, (bucket + 0.5) / {BUCKETS_PER_OCTAVE}) / 1e6 end"
)
"""The value, in milliseconds, that stands for all of a bucket: its geometric middle."""

SPANS: Final = "rollup_spans"
"""View of the spans with ``COLUMNS_READ`` and their ids."""
COLUMNS_READ: Final = (
    "start_time", "duration_ns", "ttfc_ns", "is_inference", "provider", "request_model",
    "response_model", "feature", "service", "environment", "operation", "status",
    "error_type", "http_status", "retry_count", "input_tokens", "output_tokens",
    "cache_read_tokens", "cost_usd", "cache_status", "cache_savings_usd", "user_id",
)  # fmt: skip
"""Columns of a span that a rollup depends on; whoever changes another need not tell."""

_CALLS: Final = f"""
    select
        {", ".join(COLUMNS_READ)},
        {", ".join(f"{COMPUTED[name]} as {name}" for name in ("model", "is_error", "is_unpriced"))}
    from {{source}}
    where is_inference and ({{where}})
"""  # noqa: S608  # columns of ours
_HAS_TOKENS: Final = "coalesce(input_tokens, output_tokens) is not null"
_TIMED: Final = "where output_tokens is not null and duration_ns > 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """One rollup table: which calls share a row, and what is added up of them."""

    table: str
    unit: Literal["hour", "day"]
    """What is one row's at most, in UTC; the column of its start."""
    dimensions: tuple[str, ...]
    keys: Mapping[str, str]
    """Columns beside time and dimensions that part rows, with their SQL."""
    sums: Mapping[str, str]
    """Column → aggregate over calls; never NULL."""
    counted: str = "({calls})"
    """What is aggregated: the calls, or what becomes of them."""

    @property
    def key_columns(self) -> str:
        """Return the columns that part rows."""
        return ", ".join((self.unit, *self.dimensions, *self.keys))

    def rows(self, source: str, where: str, *, sign: str = "", is_delta: bool = True) -> str:
        """Return a SELECT of the rows that the calls of ``source`` with ``where`` make.

        Args:
            source: ``SPANS`` or an Arrow table with ``COLUMNS_READ``.
            where: SQL of ours, over those columns.
            sign: ``-`` for rows that take the calls out.
            is_delta: what the rows say of themselves.

        """
        flag = "true" if is_delta else "false"
        return self.summed(
            _CALLS.format(source=source, where=where), f"{flag} as is_delta", sign=sign
        )

    def summed(self, calls: str, *more: str, sign: str = "", by_time: bool = True) -> str:
        """Return a SELECT of the rows that some calls make, a SELECT of what they are made of.

        Columns: the keys, the sums, and ``more``. Without any key there is exactly one row.
        """
        start = [f"date_trunc('{self.unit}', start_time) as {self.unit}"] if by_time else []
        keys = [*start, *self.dimensions, *(f"{sql} as {name}" for name, sql in self.keys.items())]
        figures = [f"{sign}({sql}) as {name}" for name, sql in self.sums.items()]
        columns = ", ".join([*keys, *figures, *more])
        rows = f"select {columns} from {self.counted.format(calls=calls)}"  # noqa: S608  # text of ours
        return f"{rows} group by all" if keys else rows

    def tells(self, rolled: str) -> bool:
        """Say whether a measure over rollup rows (``Measure.rolled``) reads what this one has."""
        return all(word in self.sums for word in _WORD.findall(rolled) if word in _SUMMED)

    def joined(self, where: str) -> str:
        """Return a SELECT of this table's rows with ``where``, those of the same values as one.

        A row of no calls is none: what is taken out leaves no name behind.
        """
        figures = ", ".join(f"sum({name}) as {name}" for name in self.sums)
        return (
            f"select {self.key_columns}, {figures}, false as is_delta from {self.table} "  # noqa: S608  # text of ours
            f"where {where} group by {self.key_columns} having sum(call_count) <> 0"
        )


CALLS: Final = Rollup(
    table="rollup_calls",
    unit="hour",
    dimensions=(
        "provider", "model", "feature", "service", "environment", "operation",
        "status", "error_type",
    ),
    keys={},
    sums={
        "call_count": "count(*)",
        "errors": "count(*) filter (where is_error)",
        "rate_limit_hits": f"count(*) filter (where {RATE_LIMITED})",
        "auth_errors": f"count(*) filter (where {UNAUTHORIZED})",
        "timeouts": f"count(*) filter (where {TIMED_OUT})",
        "unpriced_calls": "count(*) filter (where is_unpriced)",
        "priced_calls": "count(cost_usd)",
        "cost_usd": "coalesce(sum(cost_usd), 0)",
        "savings_calls": "count(cache_savings_usd)",
        "cache_savings_usd": "coalesce(sum(cache_savings_usd), 0)",
        "input_calls": "count(input_tokens)",
        "input_tokens": "coalesce(sum(input_tokens), 0)",
        "output_calls": "count(output_tokens)",
        "output_tokens": "coalesce(sum(output_tokens), 0)",
        "token_calls": "count(coalesce(input_tokens, output_tokens))",
        "cache_read_calls": "count(cache_read_tokens)",
        "cache_read_tokens": "coalesce(sum(cache_read_tokens), 0)",
        "retry_calls": "count(retry_count)",
        "retries": "coalesce(sum(retry_count), 0)",
        "cache_hits": "count(*) filter (where cache_status = 'hit')",
        "cache_misses": "count(*) filter (where cache_status = 'miss')",
        "timed_output_tokens": f"coalesce(sum(output_tokens) filter ({_TIMED}), 0)",
        "timed_ns": f"coalesce(sum(duration_ns) filter ({_TIMED}), 0)",
    },
)  # fmt: skip

_BUCKET: Final = (
    f"(case when ns > 0 then floor(log2(ns) * {BUCKETS_PER_OCTAVE}) else -1 end)::smallint"
)
_SPELLS: Final = f"""(
    with timed as ({{calls}})
    select *, '{LATENCY}' as kind, duration_ns as ns from timed where duration_ns is not null
    union all
    select *, '{TTFC}' as kind, ttfc_ns as ns from timed where ttfc_ns is not null
)"""  # noqa: S608  # text of ours
LATENCIES: Final = Rollup(
    table="rollup_latency",
    unit="hour",
    dimensions=("provider", "model", "service", "environment"),
    keys={"kind": "kind", "bucket": _BUCKET},
    sums={"call_count": "count(*)"},
    counted=_SPELLS,
)
HOURLY: Final = (CALLS, LATENCIES)

USER_DAYS: Final = Rollup(
    table="rollup_user_days",
    unit="day",
    dimensions=("user_id", "provider", "model", "environment"),
    keys={},
    sums={
        **{name: CALLS.sums[name] for name in (
            "call_count", "errors", "unpriced_calls", "priced_calls", "cost_usd", "savings_calls",
            "cache_savings_usd", "input_calls", "input_tokens", "output_calls", "output_tokens",
            "token_calls",
        )},
        "paired_cost_usd": f"coalesce(sum(cost_usd) filter (where {_HAS_TOKENS}), 0)",
        "paired_tokens": (
            "coalesce(sum(coalesce(input_tokens, 0)::hugeint + coalesce(output_tokens, 0)) "
            "filter (where cost_usd is not null), 0)"
        ),
    },
)  # fmt: skip
"""By user there is a row for nearly every call of an hour, but not of a day; only of days that are
over (``user_days``)."""
_SUMMED: Final = frozenset(name for each in (*HOURLY, USER_DAYS) for name in each.sums)
