"""Rules as they are kept in the store, for readers that have no rule file: text, and back. Pure.

What is kept holds no secret: a rule file only refers to secrets, and comments are left out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from llmtrace.alerts.rules import read_rules

if TYPE_CHECKING:
    from llmtrace.alerts.model import RuleBook


def record_of(book: RuleBook) -> str:
    """Return a rule book as a text that ``book_of`` reads."""
    return json.dumps(dict(book.texts), ensure_ascii=False, sort_keys=True, indent=0)


def book_of(record: str) -> RuleBook:
    """Return the rule book of a record.

    Raises RuleError if this version of llmtrace reads its rules differently from the one that
    kept it.
    """
    return read_rules(cast("dict[str, str]", json.loads(record)))
