"""Retention: what was said goes sooner than what it cost, and both go at an age.

The age of everything is that of its span's start. Contents are bodies, events (several dialects
put prompts there) and the attributes that hold what was said. Spans take all of theirs with them.
The hourly rollups stay: what an hour cost is known for as long as the store is there.
Spool, write-ahead log and dead letters are not touched: the first two come in first and are then
in the store, dead letters are for people (``llmtrace deadletter``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.errors import QueryError
from llmtrace.otlp.redacting import CONTENT_ATTRIBUTES
from llmtrace.store.maintenance import audit
from llmtrace.store.maintenance.slices import time_slices
from llmtrace.store.maintenance.workplace import read_flag, read_time, stored_time
from llmtrace.store.rollups import note_deleted_spans

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from llmtrace.store.maintenance.slices import Slice
    from llmtrace.store.maintenance.workplace import Outcome, Workplace
    from llmtrace.store.writer import Transaction

_HAS_CONTENT: Final = "list_has_any(map_keys(attributes), ?::varchar[])"
_WITHOUT_CONTENT: Final = (
    "map_from_entries(list_filter(map_entries(attributes), "
    "entry -> not list_contains(?::varchar[], entry.key)))"
)
_OF_SPANS: Final = ("payloads", "events", "links", "spans")
"""The tables whose rows belong to a span and carry its start; the spans last."""


def retain(place: Workplace, arguments: Mapping[str, object]) -> Outcome:
    """Delete contents before ``payloads_before`` and spans before ``spans_before``.

    With ``dry_run`` only say how much that is. Raises QueryError if neither time is given, or one
    is in the future.
    """
    contents, spans = read_time(arguments, "payloads_before"), read_time(arguments, "spans_before")
    if contents is None and spans is None:
        raise QueryError('give "payloads_before", "spans_before", or both')
    for moment in (contents, spans):
        if moment is not None and moment > place.clock.now():
            raise QueryError(f"{moment.isoformat()} is in the future; ages are 0 or more")
    place.refresh()
    kept_contents = None if contents is None else stored_time(contents)
    kept_spans = None if spans is None else stored_time(spans)
    if read_flag(arguments, "dry_run"):
        return _would_go(place, kept_contents, kept_spans)
    gone: dict[str, int] = {}
    if kept_spans is not None:
        gone |= dict.fromkeys(_OF_SPANS, 0)
        _note(place, kept_spans)
        for each in time_slices(place.writer, "spans", end=kept_spans):
            _add(gone, _delete_spans(place, each))
        _add(gone, {"resources": _delete_resources(place)})
    if kept_contents is not None:
        _add(gone, _delete_contents(place, kept_contents))
    outcome: Outcome = {"deleted": gone}
    audit.record(place, "retention", arguments, outcome)
    return outcome


def _would_go(place: Workplace, contents: datetime | None, spans: datetime | None) -> Outcome:
    """Count, without a change, what the two limits would delete."""

    def work(transaction: Transaction) -> Outcome:
        gone = dict.fromkeys(("payloads", "events", "content_attributes", "links", "spans"), 0)
        latest = max(moment for moment in (contents, spans) if moment is not None)
        for table in ("payloads", "events"):
            gone[table] = _count(transaction, table, "start_time < ?", latest)
        if contents is not None:
            where = f"start_time < ? and start_time >= ? and {_HAS_CONTENT}"
            low = spans or contents.min
            names = list(CONTENT_ATTRIBUTES)
            gone["content_attributes"] = _count(transaction, "spans", where, contents, low, names)
        outcome: Outcome = {"deleted": gone, "dry_run": True}
        if spans is not None:
            for table in ("links", "spans"):
                gone[table] = _count(transaction, table, "start_time < ?", spans)
            (told,) = transaction.execute(
                "select count(*) as calls, sum(cost_usd)::varchar as cost_usd from spans "
                "where is_inference and start_time < ?",
                [spans],
            ).to_pylist()
            outcome |= {"calls": told["calls"], "cost_usd": told["cost_usd"]}
        return outcome

    return place.writer.transaction(work)


def _note(place: Workplace, before: datetime) -> None:
    """Say first from when on spans are whole: the metric layer then asks the rollups."""
    place.writer.transaction(lambda transaction: note_deleted_spans(transaction, before))


def _delete_spans(place: Workplace, each: Slice) -> dict[str, int]:
    def work(transaction: Transaction) -> dict[str, int]:
        gone = {table: _delete(transaction, table, each) for table in _OF_SPANS}
        audit.count(transaction, _named(gone))
        return gone

    return place.writer.transaction(work)


def _delete_resources(place: Workplace) -> int:
    """Delete the resources that no span is of any more."""

    def work(transaction: Transaction) -> int:
        (gone,) = transaction.execute(
            "delete from resources where resource_id not in "
            "(select distinct resource_id from spans where resource_id is not null)"
        ).to_pylist()
        audit.count(transaction, {"deleted.resources": gone["Count"]})
        return gone["Count"]

    return place.writer.transaction(work)


def _delete_contents(place: Workplace, before: datetime) -> dict[str, int]:
    gone: dict[str, int] = {"payloads": 0, "events": 0, "content_attributes": 0}
    for table in ("payloads", "events"):
        for each in time_slices(place.writer, table, end=before):
            gone[table] += place.writer.transaction(
                lambda transaction, table=table, each=each: _counted(
                    transaction, table, _delete(transaction, table, each)
                )
            )
    names: list[str] = list(CONTENT_ATTRIBUTES)
    for each in time_slices(
        place.writer, "spans", end=before, where=_HAS_CONTENT, parameters=[names]
    ):
        gone["content_attributes"] += place.writer.transaction(
            lambda transaction, each=each: _counted(
                transaction, "content_attributes", _strip(transaction, each, names)
            )
        )
    return gone


def _strip(transaction: Transaction, each: Slice, names: list[str]) -> int:
    (changed,) = transaction.execute(
        f"update spans set attributes = {_WITHOUT_CONTENT} "  # noqa: S608  # conditions of ours
        f"where start_time >= ? and start_time < ? and {_HAS_CONTENT}",
        [names, each.start, each.end, names],
    ).to_pylist()
    return changed["Count"]


def _delete(transaction: Transaction, table: str, each: Slice) -> int:
    (gone,) = transaction.execute(
        f"delete from {table} where start_time >= ? and start_time < ?",  # noqa: S608  # a table of ours
        [each.start, each.end],
    ).to_pylist()
    return gone["Count"]


def _counted(transaction: Transaction, what: str, number: int) -> int:
    audit.count(transaction, _named({what: number}))
    return number


def _count(transaction: Transaction, table: str, where: str, *parameters: object) -> int:
    query = f"select count(*) as rows from {table} where {where}"  # noqa: S608  # conditions of ours
    (found,) = transaction.execute(query, parameters).to_pylist()
    return found["rows"]


def _named(gone: Mapping[str, int]) -> dict[str, int]:
    return {f"deleted.{table}": number for table, number in gone.items()}


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for table, number in more.items():
        total[table] = total.get(table, 0) + number
