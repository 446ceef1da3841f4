"""Output limits against what was ever used of them, by feature and model. Pure but for its query.

A provider bills what was made, not what was allowed, so a lower limit saves no money by itself. It
frees what some providers count against the tokens a minute, and ends an answer that runs away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmtrace.semconv import REQUEST_MAX_TOKENS
from llmtrace.store.metric_rows import calls
from llmtrace.store.own_sql import ask
from llmtrace.store.savings.latest import of_latest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store

LOOKED_AT: Final = 100_000
TIMEOUT_S: Final = 10.0
FEWEST: Final = 20
"""Calls below which the largest output says little."""
MOST_USED: Final = 0.5
"""A limit is oversized if no call ever used more of it."""
_ANSWERED: Final = "status is distinct from 'error' and output_tokens is not null"
COUNTED_BY: Final = frozenset({"openai", "azure", "aws"})
"""Providers (the price list's ids) that count the limit against the tokens a minute:
community.openai.com (rate limit advice), docs.aws.amazon.com/bedrock (token burndown)."""
NOT_COUNTED_BY: Final = frozenset({"anthropic"})
"""Those that say that they do not: platform.claude.com/docs/en/api/rate-limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The limits that one feature asks for with one model, all of them oversized."""

    feature: str | None
    provider: str | None
    model: str | None
    calls: int
    lowest: int
    highest: int
    """Of the limits asked for."""
    used_p99: int
    used_most: int
    """Output tokens, reasoning included."""
    unused: int
    """Tokens that were allowed and not made, of all calls together."""


def limited_calls(store: Store, query: MetricQuery, *, limit: int = LOOKED_AT) -> pa.Table:
    """Return what the latest answered calls of a range asked for and used, by feature and model.

    Columns: feature, provider, model, calls (with a limit and an output), lowest, highest (limits),
    used_p99, used_most (output tokens), most_used (the largest part of a limit, 0 to 1), unused
    (tokens), without_limit (calls of the same that asked for none), looked_at (the same in all).
    """
    parameters: list[object] = [REQUEST_MAX_TOKENS]
    latest = of_latest(store, query, _ANSWERED, limit=limit, timeout_s=TIMEOUT_S)
    rows = calls(latest, parameters)
    sql = f"""
        with latest as materialized (
            select feature, provider, model, output_tokens,
                try_cast(attributes[?] as bigint) as asked
            from ({rows})
            where {_ANSWERED}
            order by start_time desc limit ?
        )
        select feature, provider, model,
            count(*) filter (where asked > 0) as calls,
            min(asked) filter (where asked > 0) as lowest,
            max(asked) as highest,
            quantile_disc(output_tokens, 0.99) filter (where asked > 0) as used_p99,
            max(output_tokens) filter (where asked > 0) as used_most,
            max(output_tokens / asked) filter (where asked > 0) as most_used,
            coalesce(sum(greatest(asked - output_tokens, 0)) filter (where asked > 0), 0)::bigint
                as unused,
            count(*) filter (where asked is null or asked <= 0) as without_limit,
            (select count(*) from latest) as looked_at
        from latest
        group by 1, 2, 3
        order by unused desc, 1, 2, 3
    """  # noqa: S608  # text of ours
    return ask(store, sql, [*parameters, limit], timeout_s=TIMEOUT_S)


def find_oversized(rows: Iterable[Mapping[str, Any]]) -> list[Limit]:
    """Return the limits of which no call used half, what leaves most unused first."""
    found = [
        Limit(
            feature=row["feature"],
            provider=row["provider"],
            model=row["model"],
            calls=row["calls"],
            lowest=row["lowest"],
            highest=row["highest"],
            used_p99=row["used_p99"],
            used_most=row["used_most"],
            unused=row["unused"],
        )
        for row in rows
        if row["calls"] >= FEWEST and row["most_used"] <= MOST_USED
    ]
    return sorted(found, key=lambda each: -each.unused)
