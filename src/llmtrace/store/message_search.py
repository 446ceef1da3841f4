"""Free text in stored messages: which calls said it.

To read all text of a long range would take minutes, so at most ``MESSAGES_OF`` calls are read: the
latest of the range that fit the filter bar and the rest of the search.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from llmtrace.store.metric_time import check_range
from llmtrace.store.search_conditions import all_of, scope_condition, span_condition
from llmtrace.store.search_syntax import TEXT, Search

if TYPE_CHECKING:
    from llmtrace.store.reading import Store
    from llmtrace.store.search_conditions import Hits
    from llmtrace.store.trace_search import TraceSearch

MESSAGES_OF: Final = 2_000
LONGEST_BODY: Final = 1_000_000
"""Bytes of a stored body that is read; a longer one is left out."""
TIMEOUT_S: Final = 20.0
_BODIES: Final = (
    "input_messages", "output_messages", "request_body", "response_body", "system_instructions",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """In which calls' messages the free texts of a search were found."""

    hits: Hits = field(default_factory=dict[str, "tuple[tuple[str, str], ...]"])
    looked_at: int = 0
    """Calls whose messages were read."""
    is_all: bool = True
    """No call was left out because there were more than ``MESSAGES_OF``."""


def said(store: Store, wanted: TraceSearch) -> Said:
    """Look for a search's free texts in messages. Without free text nothing is read.

    Raises QueryError for an empty range or if it takes longer than ``TIMEOUT_S``, StoreError.
    """
    check_range(wanted.scope.start, wanted.scope.end)
    forms = {form: text for text in wanted.search.texts() for form in _forms(text)}
    if not forms:
        return Said()
    others = Search(terms=tuple(each for each in wanted.search.terms if each.key != TEXT))
    where = all_of([scope_condition(wanted.scope), span_condition(others, {})])
    texts = ", ".join(f"case when strlen(p.{each}) <= ? then p.{each} end" for each in _BODIES)
    sql = f"""
        with latest as materialized (
            select *, row_number() over (order by start_time desc, span_id) as place
            from (
                select start_time, trace_id, span_id from spans
                where is_inference and {where.sql}
                order by start_time desc, span_id limit ?
            )
        ),
        bodies as (
            select latest.trace_id::varchar as trace_id, latest.span_id::varchar as span_id,
                lower(concat_ws(chr(10), {texts})) as text
            from latest
            join payloads as p
                on p.start_time = latest.start_time
                and p.trace_id = latest.trace_id and p.span_id = latest.span_id
            where place <= ?
        ),
        found as (
            select trace_id, span_id,
                list_filter(?::varchar[], lambda form: contains(text, form)) as forms
            from bodies
        )
        select
            (select count(*) from latest) as looked_at,
            (
                select list({{'call': [trace_id, span_id], 'forms': forms}})
                from found where len(forms) > 0
            ) as calls
    """  # noqa: S608  # no user's text
    lengths = [LONGEST_BODY] * len(_BODIES)
    # One call more than is read tells whether there are more.
    parameters = [*where.parameters, MESSAGES_OF + 1, *lengths, MESSAGES_OF, list(forms)]
    (row,) = store.sql(sql, parameters, timeout_s=TIMEOUT_S).to_pylist()
    hits: dict[str, dict[tuple[str, str], None]] = {}
    for found in row["calls"] or ():
        trace_id, span_id = found["call"]
        for form in found["forms"]:
            hits.setdefault(forms[form], {})[trace_id, span_id] = None
    return Said(
        hits={text: tuple(calls) for text, calls in hits.items()},
        looked_at=min(row["looked_at"], MESSAGES_OF),
        is_all=row["looked_at"] <= MESSAGES_OF,
    )


def _forms(text: str) -> list[str]:
    """Return how a text may stand in JSON, in lower case: as it is, or with characters escaped.

    The escape of a letter beyond ASCII has no lower case: so its cases are forms of their own.
    """
    cases = (text, text.lower(), text.upper(), text.capitalize())
    escaped = (json.dumps(each)[1:-1] for each in cases)
    written = (text, json.dumps(text, ensure_ascii=False)[1:-1], *escaped)
    return list(dict.fromkeys(form.lower() for form in written))
