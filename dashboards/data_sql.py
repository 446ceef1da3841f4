"""The SQL console's queries: begun, saved, their rows as cells and as files. No SQL of its own.

Every query goes through ``store.console``: the gate, and a process of its own. What is asked and
what is taken away is in the audit.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from dashboards.access import acting_as, audited, exported, require_all_tenants, viewer
from dashboards.asking import whole_store
from dashboards.components.format import NONE, one_line, plain
from dashboards.data_sql_chart import KINDS, Choice, Drawn, Kind, draw, first_choice, is_number
from dashboards.home import home
from llmtrace.clock import SystemClock
from llmtrace.store.console import Answer, ConsoleQuery
from llmtrace.store.row_text import (
    csv_cell,
    csv_line,
    digits,
    harmless,
    json_text,
    plain_text,
    records_of,
    unique_names,
)
from llmtrace.store.saved_queries import (
    MAX_NAME_CHARACTERS,
    SavedQuery,
    delete_query,
    save_query,
    saved_queries,
)
from llmtrace.store.sql_examples import EXAMPLES, first_rows
from llmtrace.store.view_docs import Column, View, documented_views

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = [
    "EXAMPLES",
    "KINDS",
    "MAX_NAME_CHARACTERS",
    "Answer",
    "Choice",
    "Column",
    "ConsoleQuery",
    "Drawn",
    "Kind",
    "SavedQuery",
    "View",
    "draw",
    "first_choice",
    "first_rows",
    "is_number",
    "require_all_tenants",
]

ROW_CAPS: Final = (100, 1_000, 10_000)
TIME_LIMITS_S: Final = (10, 30, 120)
SHOWN_ROWS: Final = 1_000
"""Rows of an answer in the table; its files have all."""
MAX_LINK_CHARACTERS: Final = 1_500
"""Of a query in a URL: some programs cut longer ones."""
_CELL_CHARACTERS: Final = 200
_VALUE_CHARACTERS: Final = 20_000
_NOT_IN_PARQUET: Final = ("interval", "union")
"""Words in the names of Arrow's types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A form in which an answer can be taken away."""

    label: str
    extension: str
    mime: str
    make: Callable[[pa.Table], bytes]


def views() -> list[View]:
    """Return the views that people ask, with what their columns mean."""
    whole_store()  # whoever may not see it, may not see a cached answer of it either
    return _views(str(home()))


def begin(text: str, *, max_rows: int, timeout_s: float) -> ConsoleQuery:
    """Start a query, which is in the audit once it has ended."""
    store, who = whole_store(), viewer()
    arguments = {"query": text, "max_rows": max_rows, "timeout_s": timeout_s}

    @contextmanager
    def noted() -> Generator[dict[str, object], None, None]:
        with acting_as(who), audited("sql", arguments) as outcome:
            yield outcome

    query = ConsoleQuery(store, text, max_rows=max_rows, timeout_s=timeout_s, noted=noted)
    query.start()
    return query


def saved() -> list[SavedQuery]:
    """Return the saved queries, by name."""
    return saved_queries(home())


def save(name: str, text: str, *, replaces: bool) -> None:
    """Keep a query by a name. Raises QueryError if it cannot be one."""
    now = SystemClock().now().replace(microsecond=0)
    query = SavedQuery(name=name.strip(), text=text, by=viewer().name, at=now)
    save_query(home(), query, replaces=replaces)


def delete(name: str) -> None:
    """Forget a saved query."""
    delete_query(home(), name)


def cells(table: pa.Table) -> dict[str, list[str]]:
    """Return the first rows as text, by column: every digit, long text cut, nothing hidden."""
    shown = table.slice(0, SHOWN_ROWS)
    rows = records_of(shown)
    found: dict[str, list[str]] = {}
    for name in unique_names(shown.column_names):
        title = _free(one_line(name, 60) or NONE, found)
        found[title] = [_cell(row[name], _CELL_CHARACTERS) for row in rows]
    return found


def record(table: pa.Table, row: int) -> list[tuple[str, str]]:
    """Return one row whole: names and values as text, of which each is cut at 20 000 characters."""
    (values,) = records_of(table.slice(row, 1))
    return [
        (one_line(name, 120), plain(_text(value), _VALUE_CHARACTERS))
        for name, value in values.items()
    ]


def number_columns(table: pa.Table) -> set[int]:
    """Return the places of columns that hold numbers."""
    return {column for column in range(table.num_columns) if is_number(table, column)}


def download(table: pa.Table, file: File) -> Callable[[], bytes]:
    """Return what makes a file of all rows when somebody takes it, with a row in the audit."""
    what = {"page": "sql", "as": file.extension, "rows": table.num_rows}
    return exported(what, lambda: file.make(table))


def as_csv(table: pa.Table) -> bytes:
    """Return CSV with a header; money is exact, and no cell is a spreadsheet's formula."""
    names = [harmless(name) for name in unique_names(table.column_names)]
    lines = [csv_line([csv_cell(value) for value in row.values()]) for row in records_of(table)]
    return ("\n".join([csv_line(names), *lines]) + "\n").encode("utf-8", "replace")


def as_json(table: pa.Table) -> bytes:
    """Return a JSON array, one object a row; decimals with all their digits."""
    rows = ",\n ".join(json_text(row) for row in records_of(table))
    return f"[{rows}]\n".encode("utf-8", "replace")


def as_parquet(table: pa.Table) -> bytes:
    """Return a Parquet file; what it has no type for, as spans of time, is text."""
    plain_table = table.rename_columns(unique_names(table.column_names))
    plain_table = plain_table.replace_schema_metadata(None)
    for index, field in enumerate(plain_table.schema):
        if any(word in str(field.type) for word in _NOT_IN_PARQUET):
            texts = [None if each is None else plain_text(each)
                     for each in plain_table.column(index).to_pylist()]  # fmt: skip
            plain_table = plain_table.set_column(index, field.name, pa.array(texts, pa.string()))
    sink = io.BytesIO()
    pq.write_table(plain_table, sink)
    return sink.getvalue()


FILES: Final = (
    File(label="CSV", extension="csv", mime="text/csv", make=as_csv),
    File(
        label="Parquet",
        extension="parquet",
        mime="application/vnd.apache.parquet",
        make=as_parquet,
    ),
    File(label="JSON", extension="json", mime="application/json", make=as_json),
)


def hidden_characters(text: str) -> str | None:
    """Return a query with its invisible characters as escapes; None if it has none."""
    shown = plain(text, len(text) + 1)
    return None if shown == text else shown


def _free(title: str, taken: dict[str, list[str]]) -> str:
    """Return a title that no other column has: two long names may be cut to the same."""
    number, found = 2, title
    while found in taken:
        found, number = f"{title} {number}", number + 1
    return found


def _cell(value: object, limit: int) -> str:
    return one_line(_text(value), limit)


def _text(value: object) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    return digits(value) if isinstance(value, Decimal) else plain_text(value)


@st.cache_data(ttl=600, max_entries=4, show_spinner=False)
def _views(folder: str) -> list[View]:
    del folder
    return documented_views(whole_store())
