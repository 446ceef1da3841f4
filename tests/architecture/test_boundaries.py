"""What belongs to one place: SQL to the store, attribute names to semconv, charts to Arrow."""

from __future__ import annotations

import ast
import re

from llmtrace import semconv
from tests.architecture.sources import PACKAGE, name_of, parsed, product_files, spoken_strings

SQL = re.compile(
    r"""^\s*(?:
        select\s.+\sfrom\s | with\s+\w+\s+as\s*\( | insert\s+(?:or\s+\w+\s+)?into\s |
        update\s+\w+\s+set\s | delete\s+from\s | (?:create|drop|alter)\s+(?:table|view|macro)\s
    )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# Places that speak SQL as a user does, through the public door.
AS_A_USER = (PACKAGE / "cli" / "demo",)
OURS = {
    value
    for value in vars(semconv).values()
    if isinstance(value, str) and value.startswith("llmtrace.")
}


def test_sql_is_spoken_in_the_store_only() -> None:
    allowed = (PACKAGE / "store", *AS_A_USER)
    elsewhere = [path for path in product_files() if not any(map(path.is_relative_to, allowed))]

    spoken = [
        f"{name_of(path)}:{line}: {text.strip()[:60]}"
        for path in elsewhere
        for line, text in spoken_strings(path)
        if SQL.match(text)
    ]

    assert spoken == []


def test_attribute_names_are_spelled_in_semconv_only() -> None:
    elsewhere = [path for path in product_files() if path != PACKAGE / "semconv.py"]

    spelled = [
        f"{name_of(path)}:{line}: {text[:60]}"
        for path in elsewhere
        for line, text in spoken_strings(path)
        if text.startswith("gen_ai.") or text in OURS
    ]

    assert spelled == []


def test_tables_and_charts_go_to_the_browser_by_way_of_arrow_only() -> None:
    # Given anything else, these load pandas: 30 MB of the process.
    takes_data = re.compile(r"(dataframe|data_editor|table|\w*_chart)$")

    shown = [
        (name_of(path), node.attr)
        for path in product_files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "st"
        and takes_data.match(node.attr)
    ]

    arrow = "dashboards/components/arrow.py"
    assert sorted(shown) == [(arrow, "dataframe"), (arrow, "vega_lite_chart")]


def test_the_pattern_knows_sql_when_it_sees_it() -> None:
    assert SQL.match("select 1 from spans")
    assert SQL.match("\n  WITH calls AS (select 1)")
    assert SQL.match("delete from spans where true")
