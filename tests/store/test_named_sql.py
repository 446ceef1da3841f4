"""Each SQL file is asked for by somebody, and says in its first line what it answers."""

from __future__ import annotations

import re

from llmtrace.store.named_sql import named_sql
from tests.architecture.sources import PACKAGE

FILES = sorted((PACKAGE / "store" / "sql").glob("*.sql"))


def test_each_begins_with_the_question_it_answers() -> None:
    assert FILES
    assert [path.stem for path in FILES if not re.match(r"-- \S.*\n", named_sql(path.stem))] == []


def test_none_is_left_that_nobody_asks_for() -> None:
    code = "".join(path.read_text("utf-8") for path in (PACKAGE / "store").rglob("*.py"))

    assert [path.stem for path in FILES if f'"{path.stem}"' not in code] == []
