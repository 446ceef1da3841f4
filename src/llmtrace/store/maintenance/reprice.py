"""Repricing: what stored calls cost by today's price data, and putting that in their place.

A call is priced at its own time, tier and region, as when it came. What the provider said it cost
stays, unless all are asked for. What a response cache answered, and what is free of charge, stays
too, as does a price that today's data no longer has. A second time changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from llmtrace.pricing import load_price_book
from llmtrace.store.maintenance import audit
from llmtrace.store.maintenance.slices import time_slices
from llmtrace.store.maintenance.workplace import read_flag, read_text, read_time, stored_time
from llmtrace.store.pricing import book_pricer
from llmtrace.store.repricing import span_row
from llmtrace.store.rollups import corrected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmtrace.otlp.rows import Pricer, SpanRow
    from llmtrace.store.maintenance.slices import Slice
    from llmtrace.store.maintenance.workplace import Outcome, Workplace
    from llmtrace.store.writer import Transaction

_CALLS_PER_CHUNK: Final = 5_000
_BEDROCK: Final = "aws.bedrock"
_AMOUNTS: Final = (
    "cost_usd",
    "cost_input_usd",
    "cost_output_usd",
    "cost_cache_read_usd",
    "cost_cache_write_usd",
    "cost_tools_usd",
    "cache_savings_usd",
)
_MONEY: Final = pa.decimal128(18, 12)
_OURS: Final = ("list", "override", "estimated", "unpriced")
_THEIRS: Final = ("provider",)
_WHERE: Final = (
    "is_inference and list_contains(?::varchar[], cost_source) "
    "and (?::varchar is null or coalesce(response_model, request_model) = ?) "
    "and coalesce(price_version, '') <> 'free of charge' "
    "and not starts_with(coalesce(price_version, ''), 'response cache')"
)
_CALLS: Final = f"""
    select
        s.start_time, s.trace_id::varchar as trace_uuid, s.span_id as span_number, s.api,
        s.operation, s.provider, s.request_model, s.response_model, s.service_tier,
        s.input_tokens, s.output_tokens, s.cache_read_tokens, s.cache_write_tokens,
        s.cache_write_5m_tokens, s.cache_write_1h_tokens, s.reasoning_tokens,
        s.audio_input_tokens, s.image_input_tokens, s.audio_output_tokens,
        s.image_output_tokens, s.usage_source, s.attributes, s.cost_source, s.price_version,
        {", ".join(f"s.{name}" for name in _AMOUNTS)}, p.usage_raw
    from (select * from spans where start_time >= ? and start_time < ? and {_WHERE}) as s
    left join payloads as p
        on p.start_time = s.start_time and p.trace_id = s.trace_id and p.span_id = s.span_id
"""  # noqa: S608  # columns and conditions of ours
_UPDATE: Final = f"""
    update spans set
        {", ".join(f"{name} = priced.{name}" for name in (*_AMOUNTS, "cost_source"))},
        price_version = priced.price_version
    from (
        with arrived as materialized (select * from incoming)
        select * replace (trace_uuid::uuid as trace_uuid) from arrived
    ) as priced
    where
        spans.start_time >= ? and spans.start_time < ?
        and spans.trace_id = priced.trace_uuid and spans.span_id = priced.span_number
"""  # noqa: S608  # columns of ours


@dataclass(slots=True, kw_only=True)
class ModelChange:
    """The calls of one model before and after."""

    provider: str | None
    model: str | None
    calls: int = 0
    changed: int = 0
    """Calls whose amounts or source are others now."""
    before_usd: Decimal = Decimal(0)
    after_usd: Decimal = Decimal(0)
    unpriced_before: int = 0
    unpriced_after: int = 0
    kept: int = 0
    """Calls that keep a price which today's data does not have."""


_Changes = dict[tuple[str | None, str | None], ModelChange]


def reprice(place: Workplace, arguments: Mapping[str, object]) -> Outcome:
    """Price the calls since ``since`` (all, if absent) anew, and store what differs.

    ``model``: only calls of this one. ``all``: also those whose provider told the cost.
    ``dry_run``: change nothing. Raises PriceFileError if the user's price file is wrong.
    """
    since, model = read_time(arguments, "since"), read_text(arguments, "model")
    is_dry = read_flag(arguments, "dry_run")
    sources = [*_OURS, *(_THEIRS if read_flag(arguments, "all") else ())]
    book = load_price_book(place.settings)
    pricer = _as_called(book_pricer(book))
    place.refresh()
    found: _Changes = {}
    conditions = [sources, model, model]
    for each in time_slices(
        place.writer,
        "spans",
        start=None if since is None else stored_time(since),
        where=_WHERE,
        parameters=conditions,
        rows=_CALLS_PER_CHUNK,
    ):

        def work(transaction: Transaction, each: Slice = each) -> None:
            changed = _priced(transaction, each, conditions, pricer, found)
            if changed and not is_dry:
                bounds = [each.start, each.end]
                with corrected(transaction, "start_time >= ? and start_time < ?", bounds):
                    transaction.execute(_UPDATE, bounds, incoming=_table(changed))
                audit.count(transaction, {"repriced.calls": len(changed)})

        place.writer.transaction(work)
    outcome = _outcome(found, book.version)
    if is_dry:
        return outcome | {"dry_run": True}
    summary = {name: value for name, value in outcome.items() if name != "models"}
    audit.record(place, "reprice", arguments, summary)
    return outcome


def _priced(
    transaction: Transaction,
    each: Slice,
    conditions: Sequence[object],
    pricer: Pricer,
    found: _Changes,
) -> list[dict[str, Any]]:
    """Price the calls of one slice, add them to ``found``, and return those that differ."""
    told = transaction.execute(_CALLS, [each.start, each.end, *conditions])
    changed: list[dict[str, Any]] = []
    for row in told.to_pylist(maps_as_pydicts="lossy"):
        model = row["response_model"] or row["request_model"]
        key = (row["provider"], model)
        change = found.setdefault(key, ModelChange(provider=key[0], model=model))
        bare = {name: row[name] for name in row if name not in {*_AMOUNTS, "price_version"}}
        after = pricer(span_row(bare))
        is_kept = after.cost_usd is None and row["cost_usd"] is not None
        differs = not is_kept and _differs(row, after)
        change.calls += 1
        change.changed += differs
        change.kept += is_kept
        change.before_usd += row["cost_usd"] or 0
        change.after_usd += (row["cost_usd"] if is_kept else after.cost_usd) or 0
        change.unpriced_before += row["cost_usd"] is None
        change.unpriced_after += after.cost_usd is None and not is_kept
        if differs:
            names = (*_AMOUNTS, "cost_source", "price_version")
            changed.append(
                {name: row[name] for name in ("trace_uuid", "span_number")}
                | {name: getattr(after, name) for name in names}
            )
    return changed


def _differs(row: Mapping[str, Any], after: SpanRow) -> bool:
    return any(row[name] != getattr(after, name) for name in (*_AMOUNTS, "cost_source"))


def _as_called(pricer: Pricer) -> Pricer:
    """Return a pricer that knows a model by both its names, as the app's own pricing does.

    Bedrock's request names the inference profile, whose price depends on it; elsewhere the
    answer's snapshot counts, and where that has no price the alias that was asked for.
    """

    def price(row: SpanRow) -> SpanRow:
        asked, answered = row.request_model, row.response_model
        if asked is None or answered is None or asked == answered:
            return pricer(row)
        first = asked if row.provider == _BEDROCK else answered
        found = pricer(row._replace(response_model=first))
        if found.cost_usd is None and (row.provider == _BEDROCK or _is_form_of(answered, asked)):
            second = answered if first == asked else asked
            found = pricer(row._replace(response_model=second))
        return found._replace(response_model=answered)

    return price


def _is_form_of(answered: str, asked: str) -> bool:
    one, two = (name.lower().rpartition("/")[2] for name in (answered, asked))
    return one.startswith(two) or two.startswith(one)


def _table(changed: Sequence[Mapping[str, Any]]) -> pa.Table:
    kinds: dict[str, pa.DataType] = {
        "trace_uuid": pa.string(),
        "span_number": pa.uint64(),
        **dict.fromkeys(_AMOUNTS, _MONEY),
        "cost_source": pa.string(),
        "price_version": pa.string(),
    }
    return pa.table(
        {name: pa.array([row[name] for row in changed], kind) for name, kind in kinds.items()}
    )


def _outcome(found: _Changes, version: str) -> Outcome:
    models = sorted(
        found.values(), key=lambda each: (-abs(each.after_usd - each.before_usd), -each.after_usd)
    )
    return {
        "prices": version,
        "calls": sum(each.calls for each in models),
        "changed": sum(each.changed for each in models),
        "kept": sum(each.kept for each in models),
        "before_usd": _text(sum((each.before_usd for each in models), Decimal(0))),
        "after_usd": _text(sum((each.after_usd for each in models), Decimal(0))),
        "models": [
            asdict(each)
            | {"before_usd": _text(each.before_usd), "after_usd": _text(each.after_usd)}
            for each in models
        ],
    }


def _text(amount: Decimal) -> str:
    """Return at least two decimals, without further zeros at the end."""
    whole, _, fraction = f"{amount:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
