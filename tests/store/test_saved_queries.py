"""Saved queries: kept by name, private, whole, and not lost to who saves at the same time."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import QueryError, StoreError
from llmtrace.store import saved_queries as saved
from llmtrace.store.maintenance.mentions import files_that_mention
from llmtrace.store.saved_queries import (
    QUERIES_FILE,
    SavedQuery,
    delete_query,
    save_query,
    saved_queries,
)

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def query(name: str, text: str = "select 1") -> SavedQuery:
    return SavedQuery(name=name, text=text, by="ann", at=NOW)


def test_what_is_saved_is_listed_by_name_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    save_query(tmp_path, query("zoo"))
    save_query(tmp_path, query("Äpfel", "select '☃'"))
    save_query(tmp_path, query("cost"))

    assert saved_queries(tmp_path) == [query("cost"), query("zoo"), query("Äpfel", "select '☃'")]
    assert (tmp_path / QUERIES_FILE).stat().st_mode & 0o777 == 0o600


def test_a_name_that_is_taken_is_replaced_only_when_told_to(tmp_path: Path) -> None:
    save_query(tmp_path, query("cost"))

    with pytest.raises(QueryError, match="'cost' is saved already"):
        save_query(tmp_path, query("cost", "select 2"))
    assert saved_queries(tmp_path) == [query("cost")]
    save_query(tmp_path, query("cost", "select 2"), replaces=True)

    assert saved_queries(tmp_path) == [query("cost", "select 2")]


def test_what_is_deleted_is_gone_and_twice_is_no_error(tmp_path: Path) -> None:
    save_query(tmp_path, query("cost"))

    delete_query(tmp_path, "cost")
    delete_query(tmp_path, "cost")

    assert saved_queries(tmp_path) == []


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 81, "a\u202eb"])
def test_a_name_is_one_short_printable_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(QueryError, match="printable"):
        save_query(tmp_path, query(name))


def test_there_is_a_limit_to_texts_and_to_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "MAX_SAVED", 2)
    save_query(tmp_path, query("a"))
    save_query(tmp_path, query("b"))

    with pytest.raises(QueryError, match="2 queries are saved"):
        save_query(tmp_path, query("c"))
    with pytest.raises(QueryError, match="100,000 characters"):
        save_query(tmp_path, query("a", "x" * 100_001), replaces=True)


@pytest.mark.parametrize("content", ["{", "[]", '{"queries": [{}]}', "[" * 100_000])
def test_a_damaged_file_is_named_and_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / QUERIES_FILE).write_text(content)

    with pytest.raises(StoreError, match="move it away"):
        saved_queries(tmp_path)
    with pytest.raises(StoreError, match="move it away"):
        save_query(tmp_path, query("a"))
    assert (tmp_path / QUERIES_FILE).read_text() == content


def test_people_who_save_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=save_query, args=(tmp_path, query(f"q{number}")))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert [each.name for each in saved_queries(tmp_path)] == [f"q{n}" for n in range(8)]


def test_a_query_that_names_a_forgotten_user_is_found(tmp_path: Path) -> None:
    save_query(tmp_path, query("his", "from llm_calls where user_id = 'jürgen'"))

    assert files_that_mention(tmp_path, "jürgen") == [QUERIES_FILE]
