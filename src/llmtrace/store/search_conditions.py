"""What a search and a scope mean, as SQL conditions with bound parameters. Pure.

Every value is a parameter, wildcards escaped; the text that is put together comes from the tables
here alone. Three kinds of condition, for a term is about one span or about the whole trace:

* ``span_condition``: of one and the same span of the trace all terms hold. A key that is given
  twice means either value; free texts must all be found.
* ``barring_condition``: a span of which one of these holds keeps its trace out (``-user:ada``).
* ``trace_condition``: of the trace's sums (``cost``, ``latency``, ``status`` …). Unknown is neither
  more nor less than a number, so that ``-cost>1`` keeps a trace whose cost is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from llmtrace.store.call_columns import MODEL
from llmtrace.store.search_syntax import NUMBER_KEYS, TAG, TEXT

if TYPE_CHECKING:
    from llmtrace.store.queries import Scope
    from llmtrace.store.search_syntax import Search, Term

TAG_SEPARATOR: Final = "\x1f"
"""Stands between a tag's key and its value."""
COLUMNS: Final = {
    "model": MODEL,
    "provider": "provider",
    "feature": "feature",
    "user": "user_id",
    "tenant": "tenant",
    "session": "session_id",
    "service": "service",
    "environment": "environment",
    "name": "name",
    "operation": "operation",
    "tool": "tool_name",
    "agent": "agent_name",
    "cache": "cache_status",
}
"""Key → column of ``spans`` whose whole value it is compared with."""
_SCOPED: Final = {
    "environments": "environment",
    "providers": "provider",
    "models": MODEL,
    "users": "user_id",
    "features": "feature",
    "tenants": "tenant",
}
_FIGURES: Final = {
    "cost": "cost_usd",
    "tokens": "case when input_tokens is not null or output_tokens is not null "
    "then coalesce(input_tokens, 0) + coalesce(output_tokens, 0) end",
    "input": "input_tokens",
    "output": "output_tokens",
    "calls": "llm_calls",
    "spans": "spans",
    "errors": "errors",
}
_SEARCHED: Final = (
    "name", "request_model", "response_model", "user_id", "tenant", "session_id", "feature",
    "tool_name", "agent_name", "error_type", "status_message", "response_id", "request_id",
)  # fmt: skip
_IDS: Final = (
    ("replace(trace_id::varchar, '-', '')", 32),
    ("printf('%016x', span_id)", 16),
)
_HEX: Final = re.compile(r"[0-9a-f]+")
_FAILURE: Final = "concat_ws(chr(10), error_type, http_status::varchar, status_message)"
_WRITING: Final = str.maketrans("", "", "-_ ")

Hits = Mapping[str, Sequence[tuple[str, str]]]
"""Free text → trace id (as UUIDs are written) and span id (decimal) of calls that said it."""


class Condition(NamedTuple):
    """A condition and what its ``?`` stand for, in order."""

    sql: str
    parameters: list[object]


def scope_condition(scope: Scope) -> Condition:
    """Return what a span must fulfil to be in the scope: its time, and the filter bar."""
    parts = [Condition("start_time >= ? and start_time < ?", [scope.start, scope.end])]
    for field, column in _SCOPED.items():
        values = getattr(scope, field)
        if values:
            parts.append(Condition(f"list_contains(?::varchar[], {column})", [list(values)]))
    for key in dict.fromkeys(key for key, _ in scope.tags):
        values = [value for name, value in scope.tags if name == key]
        parts.append(Condition("list_contains(?::varchar[], tags[?])", [values, key]))
    return all_of(parts)


def span_condition(search: Search, hits: Hits) -> Condition:
    """Return what one span of a trace must fulfil."""
    parts: list[Condition] = []
    alternatives: dict[str, list[Condition]] = {}
    for term in search.terms:
        if term.is_excluded or _is_of_trace(term):
            continue
        if term.key == TEXT:
            parts.append(_holds(term, hits))
        else:
            alternatives.setdefault(term.key, []).append(_holds(term, hits))
    return all_of([*parts, *(_any_of(group) for group in alternatives.values())])


def barring_condition(search: Search, hits: Hits) -> Condition | None:
    """Return what no span of a trace may fulfil; None if nothing is excluded that spans have."""
    parts = [
        _holds(term, hits) for term in search.terms if term.is_excluded and not _is_of_trace(term)
    ]
    return _any_of(parts) if parts else None


def trace_condition(search: Search) -> Condition | None:
    """Return what the sums of a trace must fulfil; None if there is nothing."""
    parts: list[Condition] = []
    statuses: list[Condition] = []
    for term in search.terms:
        if not _is_of_trace(term):
            continue
        condition = _status(term) if term.key == "status" else _figure(term)
        if term.is_excluded:
            sql = f"not coalesce({condition.sql}, false)"
            parts.append(Condition(sql, condition.parameters))
        elif term.key == "status":
            statuses.append(condition)
        else:
            parts.append(condition)
    if statuses:
        parts.append(_any_of(statuses))
    return all_of(parts) if parts else None


def all_of(parts: Sequence[Condition]) -> Condition:
    """Return what holds if all of these do."""
    return _joined(parts, "\n    and ") if parts else Condition("true", [])


def _any_of(parts: Sequence[Condition]) -> Condition:
    joined = _joined(parts, " or ")
    return Condition(f"({joined.sql})", joined.parameters)


def _joined(parts: Sequence[Condition], word: str) -> Condition:
    return Condition(
        word.join(part.sql for part in parts),
        [parameter for part in parts for parameter in part.parameters],
    )


def _is_of_trace(term: Term) -> bool:
    return term.key in NUMBER_KEYS or term.key == "status"


def _status(term: Term) -> Condition:
    return Condition("errors > 0" if term.value == "error" else "errors = 0", [])


def _figure(term: Term) -> Condition:
    value = Decimal(term.value)
    if term.key == "latency":
        return Condition(f"duration_ms {term.operator} ?::double", [float(value)])
    return Condition(f"{_FIGURES[term.key]} {term.operator} ?::decimal(38, 12)", [value])


def _holds(term: Term, hits: Hits) -> Condition:
    value = str(term.value)
    if term.key == TEXT:
        return _found(value, hits)
    if term.key == "error":
        return _failed_with(term, value)
    if term.key == "finish":
        reason = _compared("reason", term, value)
        sql = f"len(list_filter(finish_reasons, lambda reason: {reason.sql})) > 0"
        return Condition(sql, reason.parameters)
    if term.key.startswith(TAG):
        compared = _compared("tags[?]", term, value)
        return Condition(compared.sql, [term.key.removeprefix(TAG), *compared.parameters])
    return _compared(COLUMNS[term.key], term, value)


def _compared(column: str, term: Term, value: str) -> Condition:
    if term.is_exact:
        return Condition(f"{column} = ?", [value])
    if "*" in value:
        return Condition(f"lower({column}) like ? escape '\\'", [pattern(value)])
    return Condition(f"lower({column}) = ?", [value.lower()])


def _failed_with(term: Term, value: str) -> Condition:
    if term.is_exact:
        return Condition(f"(status = 'error' and contains({_FAILURE}, ?))", [value])
    # So that rate_limit finds RateLimitError and "Rate limit reached".
    sql = f"(status = 'error' and translate(lower({_FAILURE}), '-_ ', '') like ? escape '\\')"
    return Condition(sql, [f"%{pattern(value.translate(_WRITING))}%"])


def _found(text: str, hits: Hits) -> Condition:
    lowered = text.lower()
    # One column at a time: most have few values, and those alone are looked into.
    parts = [Condition(f"contains(lower({column}), ?)", [lowered]) for column in _SEARCHED]
    if _HEX.fullmatch(lowered):
        parts.extend(
            Condition(f"starts_with({written}, ?)", [lowered])
            for written, digits in _IDS
            if len(lowered) <= digits
        )
    calls = hits.get(text, ())
    if calls:
        sql = "(trace_id, span_id) in (select unnest(?::uuid[]), unnest(?::ubigint[]))"
        parts.append(Condition(sql, [[call[0] for call in calls], [call[1] for call in calls]]))
    return _any_of(parts)


def pattern(value: str) -> str:
    r"""Return the LIKE pattern, escaped by ``\``, of a text in which ``*`` is anything."""
    escaped = value.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
