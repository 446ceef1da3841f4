"""A store as somebody sees it who may see some tenants only: the rest is not there.

Every query is put on top of the same tables with the rows of other tenants, and of none, left
out: ``with spans as (…), llm_calls as (…)``, the views made anew from their own definitions. So a
query need not know of it, and cannot forget it. It fails closed: what names a table that is of no
tenant (alerts, audit, rollups, …), or names one through its schema, is refused.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from llmtrace.errors import QueryError
from llmtrace.store._connection import CATALOG
from llmtrace.store.adhoc import DEFAULT_MAX_ROWS, DEFAULT_TIMEOUT_S
from llmtrace.store.metrics import run_metrics
from llmtrace.store.migrate import migrations
from llmtrace.store.own_sql import ask
from llmtrace.store.query_shape import LITERAL, Token, tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow as pa

    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store

_NOWHERE: Final = "\0"
"""A tenant that no call has."""
_TENANTS: Final = "{tenants}"
_BY_SPAN: Final = (
    "select whole.* from main.{0} as whole semi join spans "
    "on whole.start_time = spans.start_time and whole.trace_id = spans.trace_id "
    "and whole.span_id = spans.span_id"
)
_TABLES: Final = {
    "spans": "select * from main.spans where list_contains({tenants}::varchar[], tenant)",
    "payloads": _BY_SPAN.format("payloads"),
    "events": _BY_SPAN.format("events"),
    "links": _BY_SPAN.format("links"),
    "resources": "select whole.* from main.resources as whole semi join spans "
    "on whole.resource_id = spans.resource_id",
}
_CREATED: Final = re.compile(
    r"^create\s+(?:or\s+replace\s+)?(table|view)\s+(?:if\s+not\s+exists\s+)?(\w+)(.*?);\s*$",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_AS: Final = re.compile(r"\s*as\s", re.IGNORECASE)
_BEYOND: Final = re.compile(r"(?:duckdb|pragma|pg|sqlite)_\w*|information_schema|main|temp|system")
_FIRST: Final = frozenset({"select", "with", "from"})


class RestrictedStore:
    """The store of some tenants. Any thread, as the store it asks."""

    def __init__(self, store: Store, tenants: Collection[str]) -> None:
        """Show what ``store`` has of ``tenants``; of none of them if there are none."""
        self._store = store
        self._tenants = tuple(sorted(tenants)) or (_NOWHERE,)

    @property
    def where(self) -> str:
        """Say where the rows come from."""
        return self._store.where

    def sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = DEFAULT_MAX_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> pa.Table:
        """Run one SELECT (see ``Store.sql``). Raises QueryError too for what is of no tenant."""
        text, values = restricted(query, parameters, self._tenants)
        return self._store.sql(text, values, max_rows=max_rows, timeout_s=timeout_s)

    def own_sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = DEFAULT_MAX_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> pa.Table:
        """Run one SELECT of ours (see ``own_sql``), with the same rows left out."""
        text, values = restricted(query, parameters, self._tenants)
        return ask(self._store, text, values, max_rows=max_rows, timeout_s=timeout_s)

    def metrics(self, query: MetricQuery) -> pa.Table:
        """Answer a question to the metric layer (see ``run_metrics``)."""
        chosen = query.filters.get("tenant")
        both = tuple(each for each in self._tenants if not chosen or each in chosen)
        filters = {**query.filters, "tenant": both or (_NOWHERE,)}
        return run_metrics(self._store, replace(query, filters=filters))

    def refresh(self) -> None:
        """Take in the spool."""
        self._store.refresh()

    def close(self) -> None:
        """Do nothing: the store is of others too."""


def restricted(
    query: str, parameters: Sequence[object], tenants: Sequence[str]
) -> tuple[str, list[object]]:
    """Return a query and its parameters, on the rows of ``tenants`` alone; pure.

    Raises QueryError for what reaches beyond them.
    """
    parts = [part for part in tokens(query) if part.kind != "blank"]
    words = [_word(part) for part in parts]
    first = next((word for word in words if word != "("), "")
    if first not in _FIRST:
        raise _beyond(first)
    needed: set[str] = set()
    for place, (part, word) in enumerate(zip(parts, words, strict=True)):
        is_text = part.kind == LITERAL
        is_qualifying = (is_text or word == CATALOG) and words[place + 1 : place + 2] == ["."]
        if word in _whole() or is_qualifying or (not is_text and _BEYOND.fullmatch(word)):
            raise _beyond(word)
        if word in _definitions():
            needed |= {word} | _below(word)
    is_numbered = any(re.fullmatch(r"\$\d+", part.text) for part in parts)
    mark = f"${len(parameters) + 1}" if is_numbered else "?"
    ctes = ", ".join(
        f"{name} as not materialized (\n{text.replace(_TENANTS, mark)}\n)"
        for name, text in _definitions().items()
        if name in needed
    )
    body = "".join(" " if part.kind == "blank" else part.text for part in tokens(query)).strip()
    if not ctes:
        return body, list(parameters)
    values = [list(tenants)]
    bound = [*parameters, *values] if is_numbered else [*values, *parameters]
    if words[0] == "with":
        return f"with {ctes}, {body[4:].lstrip()}", bound
    return f"with {ctes}\n{body}", bound


def _word(part: Token) -> str:
    """Return what a piece may be the name of: DuckDB reads tables' names in quotes of any kind."""
    if part.kind != LITERAL:
        return part.text.strip('"').lower()
    if "\\" in part.text:
        raise _beyond(part.text)
    if part.text.startswith("$"):
        return part.text.split("$", 2)[2].rpartition("$")[0].rpartition("$")[0].lower()
    return part.text.lstrip("eE").strip("'").lower()


@cache
def _definitions() -> Mapping[str, str]:
    """Return what is restricted, name → SELECT, each below what it reads."""
    views = {
        name.lower(): _AS.sub("", text, count=1).strip()
        for kind, name, text in _created()
        if kind.lower() == "view"
    }
    return {**_TABLES, **views}


@cache
def _whole() -> frozenset[str]:
    """Return the names of what is stored of no tenant."""
    names = {name.lower() for _, name, _ in _created()}
    return frozenset({*names, "_meta"} - set(_definitions()))


@cache
def _below(name: str) -> frozenset[str]:
    """Return what a definition may read, and what that may: a column's name may be a view's too."""
    names = list(_definitions())
    words = {part.text.lower() for part in tokens(_definitions()[name]) if part.kind == "kept"}
    direct = words.intersection(names[: names.index(name)])
    return frozenset(direct.union(*(_below(each) for each in direct)))


def _created() -> list[tuple[str, str, str]]:
    return [found for step in migrations() for found in _CREATED.findall(step.sql)]


def _beyond(word: str) -> QueryError:
    return QueryError(
        f"{word[:40]!r} tells of all tenants together, and your account may see only its own; "
        "ask whoever runs these dashboards"
    )
