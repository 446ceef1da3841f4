"""Alert rules that name a user who is forgotten: what is in force is told of, the rest goes.

A rule file is its operator's: the store has a copy of it, and to change the copy alone would have
the pages show other rules than those by which the engine decides. Copies of rules that are no
longer in force are nobody's.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from llmtrace.store.writer import Transaction


def forget_in_rules(transaction: Transaction, user: str) -> tuple[int, list[str]]:
    """Delete earlier rules that name the id; return how many, and the files in force that do."""
    kept = transaction.execute(
        "select rowid as place, document from alert_rules order by loaded_at desc, rowid desc"
    ).to_pylist()
    in_force = _files_that_name(user, kept[0]["document"]) if kept else []
    earlier = [row["place"] for row in kept[1:] if _files_that_name(user, row["document"])]
    if earlier:
        transaction.execute(
            "delete from alert_rules where list_contains(?::bigint[], rowid)", [earlier]
        )
    return len(earlier), in_force


def _files_that_name(user: str, document: str | None) -> list[str]:
    """Return the files of a record whose text has the id as a word of its own."""
    if document is None:
        return []
    texts = cast("dict[str, str]", json.loads(document))
    # In YAML a text may stand with escapes, as in JSON.
    spellings = {user, *(json.dumps(user, ensure_ascii=each)[1:-1] for each in (True, False))}
    named = re.compile("|".join(rf"(?<!\w){re.escape(each)}(?!\w)" for each in spellings))
    return sorted(path for path, text in texts.items() if named.search(text))
