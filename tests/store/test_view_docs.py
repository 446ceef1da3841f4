"""The views' documentation says what the store has, all of it, and what the docs say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.sql_examples import EXAMPLES
from llmtrace.store.view_docs import VIEWS, View, documented_views, views_markdown
from tests.store.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "sql.md"


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    with Writer(tmp_path_factory.mktemp("home") / DATABASE_FILE) as opened:
        opened.insert([call()])
        yield opened


@pytest.fixture(scope="module")
def views(writer: Writer) -> list[View]:
    return documented_views(writer)


def test_every_column_is_documented_and_none_that_is_not_there(views: list[View]) -> None:
    stored = {view.name: {column.name for column in view.columns} for view in views}

    assert stored == {name: set(columns) for name, (_, columns) in VIEWS.items()}
    assert all(column.meaning for view in views for column in view.columns)


def test_columns_come_in_the_views_order_with_their_types(
    views: list[View], writer: Writer
) -> None:
    for view in views:
        described = writer.sql(f"describe {view.name}").to_pylist()
        assert [(column.name, column.type) for column in view.columns] == [
            (row["column_name"], row["column_type"]) for row in described
        ]


def test_the_docs_are_made_of_it(views: list[View]) -> None:
    page = PAGE.read_text()

    assert page.split("<!-- views -->")[1].split("<!-- /views -->")[0].strip() == (
        views_markdown(views)
    )


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_runs(title: str, writer: Writer) -> None:
    writer.sql(EXAMPLES[title])
