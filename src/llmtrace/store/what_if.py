"""What stored calls would cost on other models: read as few groups, priced by ``pricing.what_if``.

Ordinary calls are added up in SQL by all that decides their price: the kinds of tokens that occur,
the length of the prompt and the time of day between the prices' ``Cuts``, the tier. Their tokens
are those of the columns, as on every page. What columns cannot tell (fees, units, video, cached
audio and images) is read call by call, of the newest ``MAX_READ`` such calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmtrace.pricing.unit_prices import EXACT
from llmtrace.pricing.what_if import Consumed, Cuts, Repriced, cuts_of, reprice
from llmtrace.records import TokenUsage
from llmtrace.semconv import USAGE_REQUESTS_PREFIX, USAGE_UNITS_PREFIX
from llmtrace.store.metric_rows import calls, of_its_calls
from llmtrace.store.own_sql import ask
from llmtrace.store.pricing import row_usage
from llmtrace.store.repricing import span_row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from llmtrace.pricing import PriceBook
    from llmtrace.pricing.what_if import Assumptions, Candidate
    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store

MAX_READ: Final = 10_000
"""Calls read one by one."""
HUGE_TOKENS: Final = 10_000_000
"""A call of more is not added to others: its count may be garbage, and have no price alone."""
TIMEOUT_S: Final = 60.0

BEYOND_COLUMNS: Final = (
    r'(?i)"[^"]*(?:audio|image|video|search|fetch|execut|interpret|library|generation|calls|'
    r"requests|units|classif|pages|seconds|duration|character)"
    r'[^"]*"\s*:\s*"?[0.]*[1-9]'
    r'|:\s*"(?:audio|image|video)"|"search_context_size"'
)
"""A provider's usage object in which a number may stand that no column has."""

_SPANS: Final = """(
    select *, coalesce(response_model, request_model) as model, status = 'error' as is_error
    from spans where is_inference
)"""
_KINDS: Final = {
    "cache_read": "least(coalesce(cache_read_tokens, 0), given)",
    "cache_write_5m": "least(coalesce(cache_write_5m_tokens, 0), given - cache_read)",
    "cache_write_1h": (
        "least(coalesce(cache_write_1h_tokens, 0), given - cache_read - cache_write_5m)"
    ),
    "cache_write_other": (
        "least(greatest(coalesce(cache_write_tokens, 0) - coalesce(cache_write_5m_tokens, 0) "
        "- coalesce(cache_write_1h_tokens, 0), 0), "
        "given - cache_read - cache_write_5m - cache_write_1h)"
    ),
    "input_audio": (
        "least(coalesce(audio_input_tokens, 0), "
        "given - cache_read - cache_write_5m - cache_write_1h - cache_write_other)"
    ),
    "input_image": (
        "least(coalesce(image_input_tokens, 0), "
        "given - cache_read - cache_write_5m - cache_write_1h - cache_write_other - input_audio)"
    ),
    "input_uncached": (
        "given - cache_read - cache_write_5m - cache_write_1h - cache_write_other - input_audio "
        "- input_image"
    ),
    "output_reasoning": "least(coalesce(reasoning_tokens, 0), made)",
    "output_audio": "least(coalesce(audio_output_tokens, 0), made - output_reasoning)",
    "output_image": (
        "least(coalesce(image_output_tokens, 0), made - output_reasoning - output_audio)"
    ),
    "output_text": "made - output_reasoning - output_audio - output_image",
}
"""Buckets of ``TokenUsage`` as ``pricing.row_usage`` fills them from a call's columns, in SQL."""
_READ_COLUMNS: Final = (
    "start_time", "api", "operation", "provider", "request_model", "response_model",
    "service_tier", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
    "cache_write_5m_tokens", "cache_write_1h_tokens", "reasoning_tokens", "audio_input_tokens",
    "image_input_tokens", "audio_output_tokens", "image_output_tokens", "usage_source",
    "attributes", "cost_usd",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The selected traffic, and what it would cost elsewhere."""

    calls: int
    """All that were selected."""
    charged_usd: Decimal | None
    """What they cost as they were made; None if no price of any is known."""
    uncharged_calls: int
    """Calls that consumed something and have no price."""
    silent_calls: int
    """Calls that told nothing they consumed, as most that failed; they have no part in the rest."""
    unread_calls: int
    """Calls with fees, units or the like beyond ``MAX_READ``; they have no part in the rest."""
    candidates: tuple[Repriced, ...]

    def bill_usd(self, candidate: Repriced, share: Decimal) -> Decimal | None:
        """Return what all of it costs if ``share`` (0 to 1) of the compared calls move there.

        The other calls stay as they were. None if no call can be compared.
        """
        moved = candidate.moved(share)
        if moved is None or self.charged_usd is None:
            return None
        return EXACT.add(self.charged_usd, moved)


def what_if(
    store: Store,
    query: MetricQuery,
    book: PriceBook,
    candidates: Sequence[Candidate],
    *,
    at: datetime,
    assumptions: Assumptions,
) -> WhatIf:
    """Price the calls of a question's range and filters on ``candidates``.

    The prices are those of the day of ``at``, at the time of day of each call.

    The question's measures and groups do not matter. Raises QueryError for an unknown name or an
    empty range, StoreError.
    """
    plain = of_its_calls(query)
    about = _about(store, plain)
    groups = _ask(store, plain, _ordinary(cuts_of(book, candidates, about["tiers"] or (), at)))
    particular = sum(row["calls"] for row in groups if row["is_particular"])
    read = _ask(store, plain, _PARTICULAR, MAX_READ) if particular else []
    traffic = [
        *(_group(row) for row in groups if not row["is_particular"]),
        *(part for row in read if (part := _single(row)) is not None),
    ]
    heard = sum(part.calls for part in traffic)
    unread = particular - len(read)
    return WhatIf(
        calls=about["calls"],
        charged_usd=about["charged_usd"],
        uncharged_calls=sum(part.calls for part in traffic if part.charged_usd is None),
        silent_calls=about["calls"] - heard - unread,
        unread_calls=unread,
        candidates=tuple(
            reprice(book, candidate, traffic, at, assumptions) for candidate in candidates
        ),
    )


def _about(store: Store, query: MetricQuery) -> dict[str, Any]:
    parameters: list[object] = []
    rows = calls(query, parameters, view=_SPANS)
    sql = f"""
        select
            count(*) as calls,
            sum(cost_usd) as charged_usd,
            list(distinct service_tier) filter (where service_tier is not null) as tiers
        from ({rows})
    """  # noqa: S608  # text of ours
    (row,) = ask(store, sql, parameters, timeout_s=TIMEOUT_S).to_pylist()
    return row


def _ask(store: Store, query: MetricQuery, select: str, *more: object) -> list[dict[str, Any]]:
    """Run a SELECT over ``marked``: the calls of a question, and which of them are particular."""
    parameters: list[object] = [
        query.start, query.end, BEYOND_COLUMNS, USAGE_REQUESTS_PREFIX, USAGE_UNITS_PREFIX,
        HUGE_TOKENS,
    ]  # fmt: skip
    rows = calls(query, parameters, view=_SPANS)
    sql = f"""
        with flagged as materialized (
            select start_time, trace_id, span_id from payloads
            where start_time >= ? and start_time < ? and regexp_matches(usage_raw, ?)
        ),
        marked as (
            select
                chosen.*,
                flagged.span_id is not null
                or coalesce(list_bool_or(list_transform(map_keys(chosen.attributes),
                    lambda name: starts_with(name, ?) or starts_with(name, ?))), false)
                or coalesce(greatest(chosen.input_tokens, chosen.output_tokens), 0) > ?
                as is_particular
            from ({rows}) as chosen
            left join flagged
                on flagged.start_time = chosen.start_time
                and flagged.trace_id = chosen.trace_id and flagged.span_id = chosen.span_id
        )
        {select}
    """  # noqa: S608  # text of ours
    found = ask(store, sql, [*parameters, *more], max_rows=None, timeout_s=TIMEOUT_S)
    return found.to_pylist(maps_as_pydicts="lossy")


_PARTICULAR: Final = f"""
    , newest as (
        select {", ".join(_READ_COLUMNS)}, trace_id, span_id from marked
        where is_particular order by start_time desc, span_id limit ?
    )
    select newest.* exclude (trace_id, span_id), p.usage_raw
    from newest
    left join payloads as p
        on p.start_time = newest.start_time
        and p.trace_id = newest.trace_id and p.span_id = newest.span_id
"""  # noqa: S608  # text of ours


def _ordinary(cuts: Cuts) -> str:
    """Return the SELECT of the groups; calls in one are priced by the same prices.

    Particular calls are in groups of their own, that only count them.
    """
    beyond = " + ".join(f"(given > {length:d})::integer" for length in cuts.prompts) or "0"
    since = " + ".join(f"(minute >= {minute:d})::integer" for minute in cuts.minutes) or "0"
    occurs = " + ".join(f"({kind} > 0)::integer * {1 << at}" for at, kind in enumerate(_KINDS))
    kinds = ", ".join(f"{sql} as {kind}" for kind, sql in _KINDS.items())
    sums = ", ".join(
        f"(sum({kind}) filter (where not is_particular))::bigint as {kind}" for kind in _KINDS
    )
    return f"""
        , told as (
            select *, coalesce(input_tokens, 0) as given, coalesce(output_tokens, 0) as made,
                hour(start_time) * 60 + minute(start_time) as minute
            from marked
            where is_particular or input_tokens is not null or output_tokens is not null
        ),
        split as (select is_particular, service_tier, cost_usd, given, minute, {kinds} from told)
        select
            is_particular, service_tier, {beyond} as beyond, {since} as since, {occurs} as occurs,
            cost_usd is null as is_uncharged, count(*) as calls, max(given) as prompt_tokens,
            min(minute)::integer as minute, sum(cost_usd) as charged_usd, {sums}
        from split
        group by all
    """  # noqa: S608  # numbers and text of ours


def _group(row: dict[str, Any]) -> Consumed:
    return Consumed(
        calls=row["calls"],
        usage=TokenUsage(**{kind: row[kind] for kind in _KINDS}),
        prompt_tokens=row["prompt_tokens"],
        minute=row["minute"],
        tier=row["service_tier"],
        charged_usd=row["charged_usd"],
    )


def _single(row: dict[str, Any]) -> Consumed | None:
    usage = row_usage(span_row(row))
    if usage is None:
        return None
    return Consumed(
        calls=1,
        usage=usage,
        prompt_tokens=usage.input_tokens,
        minute=row["start_time"].hour * 60 + row["start_time"].minute,
        tier=row["service_tier"],
        charged_usd=row["cost_usd"],
    )
