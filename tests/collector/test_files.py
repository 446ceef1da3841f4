"""The files for readers: for this user alone, whole, and gone when they should be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from llmtrace.collector.files import make_token, publish, unpublish
from llmtrace.errors import StoreUnreachableError
from llmtrace.store.discovery import published_collector, reader_token

if TYPE_CHECKING:
    from pathlib import Path


def test_a_reader_finds_the_token_that_was_made(tmp_path: Path) -> None:
    made = make_token(tmp_path)

    found = reader_token(tmp_path, None)

    assert found is not None
    assert found.reveal() == made.reveal()


def test_every_token_is_a_new_one(tmp_path: Path) -> None:
    assert make_token(tmp_path).reveal() != make_token(tmp_path).reveal()


def test_a_token_file_that_others_could_read_is_replaced_by_one_they_cannot(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old")
    (tmp_path / "token").chmod(0o644)

    make_token(tmp_path)

    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def test_what_is_published_can_be_found_until_it_is_taken_back(tmp_path: Path) -> None:
    publish(tmp_path, url="http://127.0.0.1:1", started_at=datetime(2026, 1, 1, tzinfo=UTC))
    found = published_collector(tmp_path)
    content = json.loads((tmp_path / "collector.json").read_text())

    unpublish(tmp_path)
    unpublish(tmp_path)

    assert found is not None
    assert found.url == "http://127.0.0.1:1"
    assert content["started_at"] == "2026-01-01T00:00:00+00:00"
    assert published_collector(tmp_path) is None


def test_nothing_else_is_left_in_the_home(tmp_path: Path) -> None:
    make_token(tmp_path)
    publish(tmp_path, url="http://127.0.0.1:1", started_at=datetime(2026, 1, 1, tzinfo=UTC))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["collector.json", "token"]


def test_a_home_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(StoreUnreachableError, match=r"cannot write .*token: .*LLMTRACE_HOME"):
        make_token(tmp_path / "file")


def test_a_home_that_is_not_there_yet_is_made_for_this_user_alone(tmp_path: Path) -> None:
    make_token(tmp_path / "new" / "home")

    assert (tmp_path / "new" / "home").stat().st_mode & 0o777 == 0o700
