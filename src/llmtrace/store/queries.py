"""Named queries for people who look at single traces: one trace, one span, last errors.

One file of SQL each, in ``store/sql``; its header says what it answers, its parameters and columns.
Sums and rates are not asked here but in ``llmtrace.store.metrics``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from llmtrace.errors import QueryError
from llmtrace.store.metric_time import check_range
from llmtrace.store.named_sql import named_sql
from llmtrace.store.own_sql import ask, ask_in_one_pass, newest

if TYPE_CHECKING:
    import pyarrow as pa

    from llmtrace.store.reading import Store

PAGE_ROWS: Final = 50
MAX_TRACE_SPANS: Final = 3_000
# What the SQL files put between a tag's key and its value.
_TAG_SEPARATOR: Final = "\x1f"
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"[0-9a-f]{16}")
_NEVER: Final = datetime(1, 1, 1)  # noqa: DTZ001  # naive UTC, as stored
_FOREVER: Final = datetime(9999, 12, 31)  # noqa: DTZ001


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which calls are meant. An empty tuple filters nothing."""

    start: datetime
    """Aware, inclusive."""
    end: datetime
    """Aware, exclusive."""
    environments: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    """Keys and values: of each key that is named, a call has one of the values."""

    def lists(self) -> list[object]:
        """Return the filters in the order in which the SQL files take them."""
        chosen = (
            self.environments,
            self.providers,
            self.models,
            self.users,
            self.features,
            self.tenants,
            tuple(dict.fromkeys(key for key, _ in self.tags)),
            tuple(f"{key}{_TAG_SEPARATOR}{value}" for key, value in self.tags),
        )
        return [list(values) for values in chosen]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageEnd:
    """The last row of a page, after which the next one begins."""

    start_time: datetime
    """UTC, as stored: naive."""
    trace_id: str


class Stretch(NamedTuple):
    """From when to when the spans of a trace start; naive UTC as stored, both ends are in."""

    first: datetime
    last: datetime


def trace_stretch(store: Store, trace_id: str) -> Stretch | None:
    """Return when a trace's spans start; None if it is unknown.

    By its id alone a trace is looked for in all of the store, which takes most of the time of any
    question about it: whoever asks several asks this first, and gives it as their ``within``.
    Raises QueryError if ``trace_id`` is not 32 hex digits, StoreError.
    """
    asked = [_checked(trace_id, _TRACE_ID, "trace")]
    (found,) = ask(store, named_sql("trace_stretch"), asked).to_pylist()
    return None if found["first"] is None else Stretch(found["first"], found["last"])


def trace_summary(
    store: Store, trace_id: str, *, within: Stretch | None = None
) -> dict[str, object] | None:
    """Return a trace's sums, columns as ``sql/trace_summary.sql`` says; None if it is unknown.

    Raises QueryError if ``trace_id`` is not 32 hex digits, StoreError.
    """
    found = _of_trace(store, "trace_summary", trace_id, within).to_pylist()
    return found[0] if found else None


def trace_costs(store: Store, trace_id: str, *, within: Stretch | None = None) -> dict[str, object]:
    """Return what a trace's calls cost by kind of token; columns as ``sql/trace_costs.sql`` says.

    Raises QueryError if ``trace_id`` is not 32 hex digits, StoreError.
    """
    (row,) = _of_trace(store, "trace_costs", trace_id, within).to_pylist()
    return row


def trace_spans(
    store: Store, trace_id: str, *, limit: int = MAX_TRACE_SPANS, within: Stretch | None = None
) -> pa.Table:
    """Return the spans of a trace in order of start, at most ``limit``; none if it is unknown.

    Raises QueryError if ``trace_id`` is not 32 hex digits, StoreError.
    """
    return _of_trace(store, "trace_spans", trace_id, within, limit)


def span_detail(
    store: Store, trace_id: str, span_id: str, *, started: datetime | None = None
) -> dict[str, object] | None:
    """Return everything known of one span, bodies included; None if it is not stored.

    ``started``: when, naive UTC as stored, if that is known: by ids alone every column and all
    texts of the store would be looked through, so that it is asked first.
    Raises QueryError if an id is not hex digits of the right length, StoreError.
    """
    number = int(_checked(span_id, _SPAN_ID, "span"), 16)
    # As text: JSON numbers above 2**53 lose digits in some readers.
    ids = [_checked(trace_id, _TRACE_ID, "trace"), str(number)]
    if started is None:
        began = ask(store, named_sql("span_started"), ids)["start_time"].to_pylist()
        if not began:
            return None
        started = began[0]
    found = ask(store, named_sql("span_detail"), [*ids, started])
    if not found.num_rows:
        return None
    (detail,) = found.to_pylist(maps_as_pydicts="lossy")
    said = ask(store, named_sql("span_bodies"), [*ids, started])
    bodies = said.to_pylist()[0] if said.num_rows else dict.fromkeys(said.column_names)
    return {**detail, **bodies}


def latest_errors(store: Store, scope: Scope, *, limit: int = 10) -> pa.Table:
    """Return the calls that failed last; columns as ``sql/latest_errors.sql`` says."""
    check_range(scope.start, scope.end)

    def since(start: datetime) -> pa.Table:
        parameters = [start, scope.end, *scope.lists()]
        return ask_in_one_pass(store, named_sql("latest_errors"), parameters, limit)

    return newest(since, scope.start, scope.end, limit)


def first_call_at(store: Store) -> datetime | None:
    """Return when the oldest stored call started (naive UTC), None if there is no call."""
    (row,) = ask(store, named_sql("first_call")).to_pylist()
    return row["first_call_at"]


def store_summary(store: Store) -> dict[str, object]:
    """Return how many calls there are and when the latest started (naive UTC, or None)."""
    (row,) = ask(store, named_sql("store_summary")).to_pylist()
    return row


def store_counts(store: Store) -> dict[str, int]:
    """Return what was lost, refused, repaired or damaged, by name; only what occurred."""
    return {row["name"]: row["total"] for row in ask(store, named_sql("store_counts")).to_pylist()}


def unpriced_calls(store: Store, start: datetime = _NEVER, end: datetime = _FOREVER) -> pa.Table:
    """Return the calls without a price by model and tier; columns as ``sql/unpriced_calls.sql``.

    Those that started from ``start`` until before ``end``.
    """
    return ask(store, named_sql("unpriced_calls"), [start, end])


def calls_by_list_price(store: Store, since: datetime, *, limit: int) -> pa.Table:
    """Return the calls that list prices price; columns as ``sql/calls_by_list_price.sql`` says."""
    parameters = [since, limit]
    return ask(store, named_sql("calls_by_list_price"), parameters, max_rows=limit, timeout_s=60)


def known_tags(store: Store, since: datetime, *, limit: int) -> pa.Table:
    """Return the tags used since a moment; columns as ``sql/known_tags.sql`` says."""
    return ask(store, named_sql("known_tags"), [since, limit])


def firing_alerts(store: Store) -> pa.Table:
    """Return the alerts that are firing; columns as ``sql/firing_alerts.sql`` says."""
    return ask(store, named_sql("firing_alerts"))


def alert_rules(store: Store) -> pa.Table:
    """Return the alert rules in force; columns as ``sql/alert_rules.sql`` says."""
    return ask(store, named_sql("alert_rules"))


def alert_progress(store: Store) -> pa.Table:
    """Return how far alert rules are evaluated; columns as ``sql/alert_progress.sql`` says."""
    return ask(store, named_sql("alert_progress"))


def alert_changes(store: Store, start: datetime, end: datetime, *, limit: int) -> pa.Table:
    """Return changes of alerts; columns as ``sql/alert_changes.sql`` says."""
    check_range(start, end)
    return ask(store, named_sql("alert_changes"), [start, end, limit], max_rows=limit)


def alert_changes_of(store: Store, key: str, *, limit: int) -> pa.Table:
    """Return what became of one alert; columns as ``sql/alert_changes_of.sql`` says."""
    return ask(store, named_sql("alert_changes_of"), [key, limit], max_rows=limit)


def alert_messages_of(store: Store, episode: str, *, limit: int) -> pa.Table:
    """Return who was told of a firing; columns as ``sql/alert_messages_of.sql`` says."""
    return ask(store, named_sql("alert_messages_of"), [episode, limit], max_rows=limit)


def alert_deliveries(store: Store, start: datetime, end: datetime, *, limit: int) -> pa.Table:
    """Return messages of alerts and reports; columns as ``sql/alert_deliveries.sql`` says."""
    check_range(start, end)
    return ask(store, named_sql("alert_deliveries"), [start, end, limit], max_rows=limit)


def _of_trace(
    store: Store, name: str, trace_id: str, within: Stretch | None, *more: object
) -> pa.Table:
    """Ask about a trace, in the stretch of time in which its spans start."""
    stretch = within or trace_stretch(store, trace_id) or Stretch(_NEVER, _NEVER)
    return ask(store, named_sql(name), [_checked(trace_id, _TRACE_ID, "trace"), *stretch, *more])


def _checked(value: str, pattern: re.Pattern[str], kind: str) -> str:
    lowered = value.strip().lower()
    if not pattern.fullmatch(lowered):
        digits = 32 if kind == "trace" else 16
        raise QueryError(f"{kind} id {value[:64]!r} is not {digits} hex digits; copy all of it")
    return lowered
