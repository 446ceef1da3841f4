"""The rows that a question to the metric layer is about, as a SELECT of calls or of rollups. Pure.

Both have the columns ``time`` (if there is a grain or windows) and one for each dimension, under
its alias.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from llmtrace.clock import unix_ns
from llmtrace.store.call_columns import listed, of_models, one_of
from llmtrace.store.metric_definitions import DIMENSIONS, MEASURES, TAG_PREFIX, check_dimension
from llmtrace.store.metric_time import bucket_sql, check_range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmtrace.store.metric_plan import Plan
    from llmtrace.store.metrics import MetricQuery, Windows
    from llmtrace.store.rollup_rows import Rollup

_WORD: Final = re.compile(r"\w+")
_SECOND: Final = 1_000_000
"""In microseconds, as times are stored."""
ENDS: Final = "ends"
"""Name of the CTE that ``rolled`` reads."""


def of_its_calls(query: MetricQuery) -> MetricQuery:
    """Return a question's range and filters without its groups, for what looks at single calls.

    Raises QueryError for an unknown dimension or an empty range.
    """
    check_range(query.start, query.end)
    for name in query.filters:
        check_dimension(name)
    return replace(query, by=(), grain=None, windows=None, top=None, limit=None, order_by=())


def calls(query: MetricQuery, parameters: list[object], *, view: str = "llm_calls") -> str:
    """Return a SELECT of the calls; adds what its ``?`` stand for to ``parameters``.

    ``view`` is ``llm_calls`` or one with its columns and more.
    """
    return _calls(query, parameters, view, query.filters)


def calls_with(query: MetricQuery, parameters: list[object], figures: Sequence[str]) -> str:
    """Return a SELECT of the calls as ``calls``, with what the question and ``figures`` name.

    It is for what looks at all of them: of two scans DuckDB reads the second to its end, though the
    newest are all in the first.
    ``figures`` are SQL over ``llm_calls``, or over ``duration_ns`` and ``ttfc_ns`` of its spans.
    """
    select = _of_spans(query, figures)
    models = query.filters.get("model", ())
    if not models or None in models:
        return _calls(query, parameters, f"({select})", query.filters)
    told: list[object] = []
    source = of_models(select, [value for value in models if value is not None], told)
    others = {name: values for name, values in query.filters.items() if name != "model"}
    return _calls(query, parameters, f"(\n    {source}\n)", others, told)


def _of_spans(query: MetricQuery, figures: Sequence[str]) -> str:
    """Return a SELECT of all calls with the columns that a question and ``figures`` name."""
    asked = [DIMENSIONS.get(name, "tags") for name in (*query.by, *query.filters)]
    return f"select {listed([*asked, *figures])} from spans where is_inference"  # noqa: S608  # columns of ours


def _calls(
    query: MetricQuery,
    parameters: list[object],
    source: str,
    filters: Mapping[str, Sequence[str | None]],
    told: Sequence[object] = (),
) -> str:
    """Return a SELECT of a source; ``told`` is what the source's own ``?`` stand for."""
    columns = [*_bucket(query, parameters), *_dimensions(query, parameters), "*"]
    reach = timedelta(seconds=query.windows.length_s if query.windows else 0)
    parameters.extend([*told, query.start - reach, query.end])
    where = ["start_time >= ?", "start_time < ?", *_conditions(filters, parameters)]
    return _select(columns, source, where)


def ends(
    query: MetricQuery, plan: Plan, parameters: list[object], rollups: Sequence[Rollup]
) -> str | None:
    """Return a SELECT of the calls before and after a plan's whole hours or days; None: no such.

    They have what rows of ``rollups`` are made of. It is the table ``ENDS`` of ``rolled``.
    """
    needed = [_needed(query, each) for each in rollups]
    read = [
        sql
        for each in needed
        for sql in (*each.dimensions, *each.keys.values(), *each.sums.values(), each.counted)
    ]
    select = _of_spans(query, read)
    # Not one scan with an "or": DuckDB skips what lies outside of a range only if it is one.
    parts = [calls(each, parameters, view=f"({select})") for each in _ends(query, plan)]
    return "\nunion all\n".join(parts) or None


def rolled(query: MetricQuery, plan: Plan, parameters: list[object], rollup: Rollup) -> str:
    """Return a SELECT of a rollup's rows for a plan, those of the range's ends made of ``ENDS``.

    They have what the question needs of them: at the ends there may be many calls, and to part and
    add them up by what nobody asks for would take most of the time.
    """
    rollup = _needed(query, rollup)
    columns = [*_bucket(query, parameters), *_dimensions(query, parameters), "*"]
    start = [f"{rollup.unit} as start_time"] if query.grain else []
    kept = [*start, *rollup.dimensions, *rollup.keys, *rollup.sums]
    parameters.extend(plan.whole or ())
    where = [f"{rollup.unit} >= ?", f"{rollup.unit} < ?", *_conditions(query.filters, parameters)]
    rows = _select(kept, rollup.table, where)
    if _ends(query, plan):
        made = rollup.summed(f"select * from {ENDS}", by_time=bool(start))  # noqa: S608  # ours
        rows += f"\nunion all\n{made}"  # text of ours
    return _select(columns, f"(\n{rows}\n)", [])


def _needed(query: MetricQuery, rollup: Rollup) -> Rollup:
    """Return a rollup with those of its dimensions and sums that a question's answer is made of."""
    columns = {DIMENSIONS.get(name) for name in query.by}
    # Whoever asks for money is told for how many calls it is not known.
    names = (*query.measures, "requests", "unpriced_count")
    words = set(_WORD.findall(" ".join(MEASURES[name].rolled or "" for name in names)))
    return replace(
        rollup,
        dimensions=tuple(name for name in rollup.dimensions if name in columns),
        sums={name: sql for name, sql in rollup.sums.items() if name in words},
    )


def aliases(query: MetricQuery) -> list[str]:
    """Return the columns of the dimensions; a tag's has its place, for its name is a user's."""
    return [
        f"tag_{position}" if name.startswith(TAG_PREFIX) else f"by_{name}"
        for position, name in enumerate(query.by)
    ]


def _ends(query: MetricQuery, plan: Plan) -> list[MetricQuery]:
    """Return the question, ungrouped, about what its range has before and after whole hours."""
    first, last = plan.whole or (query.start, query.start)
    return [
        replace(query, start=start, end=end, by=(), grain=None)
        for start, end in ((query.start, first), (last, query.end))
        if start < end
    ]


def _select(columns: Sequence[str], source: str, where: Sequence[str]) -> str:
    listed = ",\n    ".join(columns)
    conditions = "\n    and ".join(where) or "true"
    return f"select\n    {listed}\nfrom {source}\nwhere\n    {conditions}"  # no user's text


def _bucket(query: MetricQuery, parameters: list[object]) -> list[str]:
    if query.windows is not None:
        return [_window_ends(query, query.windows, parameters)]
    if query.grain is None:
        return []
    bucket, told = bucket_sql(query.start, query.end, query.grain, query.timezone)
    parameters.extend(told)
    return [f"{bucket} as time"]


def _window_ends(query: MetricQuery, windows: Windows, parameters: list[object]) -> str:
    """Return the ends of all windows that a call is in; it has a row for each."""
    every, length = windows.every_s * _SECOND, windows.length_s * _SECOND
    # A window's start belongs to it, its end does not.
    first = "greatest((epoch_us(start_time) // ? + 1) * ?, ?)"
    last = "least(epoch_us(start_time) + ?, ?)"
    start, end = (unix_ns(moment) // 1_000 for moment in (query.start, query.end))
    parameters.extend([every, every, (start // every + 1) * every, length, end, every])
    return f"make_timestamp(unnest(range({first}, {last} + 1, ?))) as time"


def _dimensions(query: MetricQuery, parameters: list[object]) -> list[str]:
    return [
        f"{_expression(name, parameters)} as {alias}"
        for name, alias in zip(query.by, aliases(query), strict=True)
    ]


def _expression(name: str, parameters: list[object]) -> str:
    if name.startswith(TAG_PREFIX):
        parameters.append(name.removeprefix(TAG_PREFIX))
        return "tags[?]"
    return DIMENSIONS[name]


def _conditions(filters: Mapping[str, Sequence[str | None]], parameters: list[object]) -> list[str]:
    parts: list[str] = []
    for name, values in filters.items():
        if not values:
            continue
        alternatives: list[str] = []
        known = [value for value in values if value is not None]
        if known:
            told: list[object] = []
            column = _expression(name, told)
            alternatives.append(one_of(column, known, parameters, told))
        if len(known) < len(values):
            alternatives.append(f"{_expression(name, parameters)} is null")
        parts.append(f"({' or '.join(alternatives)})")
    return parts
