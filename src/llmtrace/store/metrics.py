"""The one metric layer: measures by dimensions, filters and grain, compiled to SQL here alone.

Dashboards, alert rules and reports ask it, so that one word means one number everywhere. The
definitions are ``metric_definitions.MEASURES`` and ``DIMENSIONS``. It reads the view ``llm_calls``
and nothing else: a *request* is one row of it, one billed call that the app made; an SDK's own
retries are inside it and counted in ``retries``.

Every value is a bound parameter; what is put together as text comes from closed tables only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from llmtrace.errors import QueryError
from llmtrace.store.adhoc import TRUNCATED_KEY
from llmtrace.store.metric_definitions import (
    DIMENSIONS,
    MEASURES,
    MONEY,
    TAG_PREFIX,
    check_dimension,
    check_measure,
)
from llmtrace.store.metric_time import BUCKETS, Grain, check_range, check_timezone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa

    from llmtrace.store.reading import Store

OTHER: Final = "(other)"
"""Value of the dimension for what ``MetricQuery.top`` leaves out."""
MAX_GROUPS: Final = 100_000
"""Rows that one answer may have; a sum over an answer cut short would be wrong."""
TIME: Final = "time"
"""Column of the bucket's start, TIMESTAMP in UTC, when a grain is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricQuery:
    """A question to the metric layer. ``compile_metrics`` checks it."""

    measures: tuple[str, ...]
    """Names in ``MEASURES``, at least one; they are the columns, in this order."""
    start: datetime
    """Aware; calls that started at this moment are in."""
    end: datetime
    """Aware; calls that started at this moment are out."""
    by: tuple[str, ...] = ()
    """Dimensions to group by, as ``model`` or ``tag.team``. A NULL group has no such attribute."""
    grain: Grain | None = None
    """Length of the buckets of time; None: the whole range is one. Empty buckets have no row."""
    timezone: str = "UTC"
    """IANA name; says where a day, week (Monday) or month begins."""
    filters: Mapping[str, Sequence[str | None]] = field(
        default_factory=dict[str, "Sequence[str | None]"]
    )
    """Dimension → values of which a call must have one; None as a value: has no such attribute.
    An empty sequence filters nothing."""
    top: int | None = None
    """Keep the N values of the one ``by`` dimension that have most of the first measure over the
    whole range; the others become one group named ``OTHER``."""
    limit: int | None = None
    """Rows at most, after ordering."""
    order_by: tuple[str, ...] = ()
    """Columns, ``-cost`` for descending; NULL comes last. Default: time, then dimensions."""


def compile_metrics(query: MetricQuery) -> tuple[str, list[object]]:
    """Turn a question into one SELECT and its positional parameters; pure.

    Columns: ``time`` if there is a grain, the dimensions in order, the measures in order, and
    ``unpriced_count`` whenever money is asked for. A tag's column is named ``tag_<position>``
    here, because SQL text holds nothing that a user wrote; ``run_metrics`` gives it its name.
    Raises QueryError naming what is unknown and what is near.
    """
    _check(query)
    parameters: list[object] = []
    inner = [*_bucket(query, parameters), *_dimensions(query, parameters), "*"]
    where = _conditions(query, parameters)
    groups = [*([TIME] if query.grain else []), *_aliases(query)]
    ctes = [f"calls as (\nselect\n    {_lines(inner)}\nfrom llm_calls\nwhere\n    {where}\n)"]
    shown = list(groups)
    if query.top is not None:
        ctes.append(_ranked(query, parameters))
        alias = _aliases(query)[0]
        shown[-1] = (
            f"case when {alias} is null or {alias} in (select value from ranked) "  # noqa: S608  # no user's text
            f"then {alias} else '{OTHER}' end as {alias}"
        )
    figures = [f"{MEASURES[name].sql} as {name}" for name in _measures(query)]
    sql = f"with {', '.join(ctes)}\nselect\n    {_lines([*shown, *figures])}\nfrom calls"
    if groups:
        positions = ", ".join(str(position + 1) for position in range(len(groups)))
        sql += f"\ngroup by {positions}\norder by {_order(query)}"
    if query.limit is not None:
        parameters.append(query.limit)
        sql += "\nlimit ?"
    return sql, parameters


def run_metrics(store: Store, query: MetricQuery) -> pa.Table:
    """Ask the store; see ``compile_metrics`` for the columns, ``MEASURES`` for their units.

    Without ``by`` and ``grain`` there is exactly one row, even when nothing was called.
    Raises QueryError if the question is wrong, StoreError if the store cannot answer.
    """
    sql, parameters = compile_metrics(query)
    found = store.sql(sql, parameters, max_rows=MAX_GROUPS)
    if (found.schema.metadata or {}).get(TRUNCATED_KEY):
        raise QueryError(
            f"the answer has more than {MAX_GROUPS} rows; "
            "ask for a coarser grain, fewer dimensions, a filter, or a limit"
        )
    return found.rename_columns(column_names(query))


def column_names(query: MetricQuery) -> list[str]:
    """Return the names of the answer's columns, in order."""
    return [*([TIME] if query.grain else []), *query.by, *_measures(query)]


def previous(query: MetricQuery) -> MetricQuery:
    """Return the same question for the range of equal length that ends where this one starts."""
    return replace(query, start=query.start - (query.end - query.start), end=query.start)


def _check(query: MetricQuery) -> None:
    if not query.measures:
        raise QueryError(f"no measure asked for; known: {', '.join(MEASURES)}")
    for name in query.measures:
        check_measure(name)
    for name in (*query.by, *query.filters):
        check_dimension(name)
    for names in (query.measures, query.by):
        if len(set(names)) != len(names):
            raise QueryError(f"{', '.join(names)}: each name may be given once")
    check_range(query.start, query.end)
    check_timezone(query.timezone)
    if query.grain is not None and query.grain not in BUCKETS:
        raise QueryError(f"unknown grain {query.grain!r}; known: {', '.join(BUCKETS)}")
    for label, number in (("limit", query.limit), ("top", query.top)):
        if number is not None and number < 1:
            raise QueryError(f"{label} is {number}; it must be at least 1")
    if query.top is not None and len(query.by) != 1:
        raise QueryError(f"top needs exactly one dimension, {len(query.by)} are given")


def _measures(query: MetricQuery) -> list[str]:
    names = list(query.measures)
    # Whoever sees money also sees for how many calls it is not known.
    if "unpriced_count" not in names and MONEY.intersection(names):
        names.append("unpriced_count")
    return names


def _aliases(query: MetricQuery) -> list[str]:
    return [
        f"tag_{position}" if name.startswith(TAG_PREFIX) else f"by_{name}"
        for position, name in enumerate(query.by)
    ]


def _bucket(query: MetricQuery, parameters: list[object]) -> list[str]:
    if query.grain is None:
        return []
    expression = BUCKETS[query.grain]
    parameters.extend([query.timezone] * expression.count("?"))
    return [f"{expression} as {TIME}"]


def _dimensions(query: MetricQuery, parameters: list[object]) -> list[str]:
    return [
        f"{_expression(name, parameters)} as {alias}"
        for name, alias in zip(query.by, _aliases(query), strict=True)
    ]


def _expression(name: str, parameters: list[object]) -> str:
    if name.startswith(TAG_PREFIX):
        parameters.append(name.removeprefix(TAG_PREFIX))
        return "tags[?]"
    return DIMENSIONS[name]


def _conditions(query: MetricQuery, parameters: list[object]) -> str:
    parameters.extend([query.start, query.end])
    parts = ["start_time >= ?", "start_time < ?"]
    for name, values in query.filters.items():
        if not values:
            continue
        alternatives: list[str] = []
        known = [value for value in values if value is not None]
        if known:
            column = _expression(name, parameters)
            parameters.extend(known)
            alternatives.append(f"{column} in ({', '.join('?' * len(known))})")
        if len(known) < len(values):
            alternatives.append(f"{_expression(name, parameters)} is null")
        parts.append(f"({' or '.join(alternatives)})")
    return "\n    and ".join(parts)


def _ranked(query: MetricQuery, parameters: list[object]) -> str:
    alias = _aliases(query)[0]
    parameters.append(query.top)
    return (
        f"ranked as (\nselect {alias} as value\nfrom calls\nwhere {alias} is not null\n"
        f"group by {alias}\n"
        f"order by {MEASURES[query.measures[0]].sql} desc nulls last, {alias}\nlimit ?\n)"
    )


def _order(query: MetricQuery) -> str:
    names = column_names(query)
    groups = len(names) - len(_measures(query))
    terms: list[str] = []
    for wanted in query.order_by:
        name = wanted.removeprefix("-")
        if name not in names:
            raise QueryError(f"cannot order by {name!r}; the columns are {', '.join(names)}")
        direction = "desc" if wanted.startswith("-") else "asc"
        terms.append(f"{names.index(name) + 1} {direction} nulls last")
    # The groups come last as a tie-breaker: the same question has the same order every time.
    terms.extend(f"{position + 1} asc nulls last" for position in range(groups))
    return ", ".join(terms)


def _lines(parts: Sequence[str]) -> str:
    return ",\n    ".join(parts)
