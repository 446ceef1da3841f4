"""Calls added up so that one multiplication prices them all: what other prices would come to.

A group holds calls of one feature, model, day, tier and band of prompt lengths, within which a
price is linear. Its calls can be held against another price only if the price book gives their
stored cost to the last digit: else they were priced otherwise (another region, audio, the
provider's own word, older prices), and nothing is said of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, Final

from llmtrace.errors import QueryError
from llmtrace.pricing import list_cost
from llmtrace.records import TokenUsage
from llmtrace.store.adhoc import TRUNCATED_KEY
from llmtrace.store.metric_rows import calls, of_its_calls
from llmtrace.store.own_sql import ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from decimal import Decimal

    from llmtrace.pricing import PriceBook, PriceSchedule
    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store

MAX_GROUPS: Final = 20_000
TIMEOUT_S: Final = 10.0
BATCH: Final = "batch"
_KEPT_PRICES: Final = ("list", "override")
"""Sources of a cost that a price book gives."""
_TOKENS: Final = (
    "input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_other",
    "output_text", "output_reasoning",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Calls of one price, added up."""

    feature: str | None
    provider: str
    model: str
    day: date
    service_tier: str | None
    is_stream: bool
    cost_source: str
    calls: int
    shortest: int
    """Input tokens of the shortest prompt: all of the group are in one band of lengths."""
    longest: int
    usage: TokenUsage
    """Of all calls together."""
    cost_usd: Decimal


def call_groups(store: Store, query: MetricQuery, starts: Sequence[int]) -> list[Group]:
    """Return the priced calls of a range in groups.

    ``starts`` are the lengths of prompts beyond which a price may change (``band_starts``).
    Raises QueryError if there are more than ``MAX_GROUPS``, or it takes longer than ``TIMEOUT_S``.
    """
    parameters: list[object] = []
    rows = calls(of_its_calls(query), parameters)
    sql = f"""
        with told as (
            select feature, provider, model, service_tier, cost_source, cost_usd,
                start_time::date as day, coalesce(is_stream, false) as is_stream,
                coalesce(input_tokens, 0) as whole, coalesce(output_tokens, 0) as made,
                least(coalesce(cache_read_tokens, 0), whole) as cache_read,
                least(coalesce(cache_write_5m_tokens, 0), whole - cache_read) as cache_write_5m,
                least(coalesce(cache_write_1h_tokens, 0), whole - cache_read - cache_write_5m)
                    as cache_write_1h,
                least(greatest(coalesce(cache_write_tokens, 0)
                    - coalesce(cache_write_5m_tokens, 0) - coalesce(cache_write_1h_tokens, 0), 0),
                    whole - cache_read - cache_write_5m - cache_write_1h) as cache_write_other,
                least(coalesce(reasoning_tokens, 0), made) as output_reasoning
            from ({rows})
            where cost_usd is not null and provider is not null and model is not null
        )
        select feature, provider, model, day, service_tier, is_stream,
            coalesce(cost_source, '') as cost_source,
            len(list_filter(?::bigint[], lambda start: whole > start)) as band,
            count(*) as calls, min(whole) as shortest, max(whole) as longest,
            sum(whole - cache_read - cache_write_5m - cache_write_1h - cache_write_other)::bigint
                as input_uncached,
            sum(cache_read)::bigint as cache_read,
            sum(cache_write_5m)::bigint as cache_write_5m,
            sum(cache_write_1h)::bigint as cache_write_1h,
            sum(cache_write_other)::bigint as cache_write_other,
            sum(made - output_reasoning)::bigint as output_text,
            sum(output_reasoning)::bigint as output_reasoning,
            sum(cost_usd) as cost_usd
        from told
        group by 1, 2, 3, 4, 5, 6, 7, 8
        order by cost_usd desc, 2, 3, 1, 4, 5, 6, 7, 8
    """  # noqa: S608  # text of ours
    found = ask(store, sql, [*parameters, list(starts)], max_rows=MAX_GROUPS, timeout_s=TIMEOUT_S)
    if (found.schema.metadata or {}).get(TRUNCATED_KEY):
        raise QueryError(
            f"more than {MAX_GROUPS:,} groups of calls; choose a shorter range, or a filter"
        )
    return [_group(row) for row in found.to_pylist()]


def band_starts(
    book: PriceBook, models: Iterable[tuple[str, str]], at: datetime
) -> tuple[int, ...]:
    """Return the lengths of prompts at which a price or the context of these models changes."""
    starts: set[int] = set()
    for provider, model in models:
        starts.add(book.context_window(provider, model) or 0)
        for batch in (False, True):
            schedule = book.quote(provider, model, at, batch=batch).schedule
            if schedule is not None:
                starts.update(band.above_tokens for band in schedule.bands)
    return tuple(sorted(starts - {0}))


def moment_of(day: date) -> datetime:
    """Return the moment whose prices are taken for a day: prices change at its beginning (UTC)."""
    return datetime.combine(day, time(12), UTC)


def cost_of(group: Group, schedule: PriceSchedule | None) -> Decimal | None:
    """Return what a group's calls cost at other prices, exact; None if a price is missing."""
    if schedule is None:
        return None
    prices = schedule.at(group.shortest)
    cost = list_cost(group.usage, prices).total_usd
    if cost is None or prices.per_call is None:
        return None
    return cost + prices.per_call * (group.calls - 1)


def is_reproduced(group: Group, book: PriceBook) -> bool:
    """Say whether the price book gives the stored cost of a group to the last digit."""
    quote = book.quote(
        group.provider, group.model, moment_of(group.day), service_tier=group.service_tier
    )
    has_price = group.cost_source in _KEPT_PRICES and quote.is_exact
    return has_price and cost_of(group, quote.schedule) == group.cost_usd


def _group(row: Mapping[str, Any]) -> Group:
    return Group(
        feature=row["feature"],
        provider=row["provider"],
        model=row["model"],
        day=row["day"],
        service_tier=row["service_tier"],
        is_stream=row["is_stream"],
        cost_source=row["cost_source"],
        calls=row["calls"],
        shortest=row["shortest"],
        longest=row["longest"],
        usage=TokenUsage(**{name: row[name] for name in _TOKENS}),
        cost_usd=row["cost_usd"],
    )
