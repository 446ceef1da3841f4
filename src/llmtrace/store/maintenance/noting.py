"""Notes in the audit of what changed nothing stored: queries, replays, exports, silences.

Nothing is looked at twice: whoever did it tells how it ended. A query's text is kept without the
values in it, whoever sends it here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from llmtrace.errors import QueryError
from llmtrace.store.maintenance import audit
from llmtrace.store.maintenance.erasure import subject_hash
from llmtrace.store.maintenance.workplace import read_text
from llmtrace.store.query_shape import shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.store.maintenance.workplace import Outcome, Workplace

NOTED: Final = frozenset({"export", "replay", "silence", "sql"})
QUERY: Final = "query"
"""Argument that is SQL."""
_LONGEST: Final = 20_000


def note(place: Workplace, arguments: Mapping[str, object]) -> Outcome:
    """Write one row: ``actor``, ``operation`` (in ``NOTED``), ``arguments`` and ``outcome``.

    Of ``arguments["query"]`` its shape is kept, and as the row's subject a hash of its text with
    this home's key, so that a query which somebody shows can be found again. Raises QueryError.
    """
    operation = read_text(arguments, "operation")
    if operation not in NOTED:
        raise QueryError(f'"operation" is one of {", ".join(sorted(NOTED))}')
    told, outcome = _object(arguments, "arguments"), _object(arguments, "outcome")
    subject: str | None = None
    query = told.get(QUERY)
    if isinstance(query, str):
        subject = subject_hash(place.home, query)
        told[QUERY] = _shortened(shape_of(query))
    told[audit.ACTOR] = read_text(arguments, audit.ACTOR)
    audit.record(place, operation, told, outcome, subject=subject)
    return {"noted": operation}


def _object(arguments: Mapping[str, object], name: str) -> dict[str, object]:
    found = arguments.get(name, {})
    if not isinstance(found, dict):
        raise QueryError(f'"{name}" is an object')
    given = cast("dict[str, object]", found)
    rest = {key: value for key, value in given.items() if key != QUERY}
    if len(json.dumps(rest, default=str)) > _LONGEST:
        raise QueryError(f'"{name}" is over {_LONGEST:,} characters')
    return dict(given)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
