"""``open_store``: the same answers with a collector, without one, and while they come and go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from llmtrace.collector import Collector
from llmtrace.config import Secret, load_settings
from llmtrace.errors import (
    QueryError,
    StoreError,
    StoreLockedError,
    StoreUnreachableError,
    StoreVersionError,
)
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.spool import SegmentWriter
from llmtrace.store import DATABASE_FILE, HomeStore, StoreLock, Writer, open_store
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path

COUNT = "select count(*)::int as calls from llm_calls"


def spool(home: Path, *numbers: int) -> None:
    app = SegmentWriter(home / "spool", now_ns=lambda: numbers[0], pid=os.getpid())
    app.append(request(*(span(number) for number in numbers)))
    app.close()


def calls(store: HomeStore) -> int:
    return store.sql(COUNT).column("calls")[0].as_py()


def a_collector(home: Path, **environment: str) -> Collector:
    return Collector(load_settings(environment, home=home), port=0)


def test_an_empty_home_has_a_store_without_calls(tmp_path: Path) -> None:
    with open_store(tmp_path / "new") as store:
        assert calls(store) == 0
        assert store.where == f"file {tmp_path / 'new' / DATABASE_FILE}"


def test_nothing_is_touched_before_the_first_question(tmp_path: Path) -> None:
    open_store(tmp_path / "new").close()

    assert not (tmp_path / "new").exists()


def test_a_question_takes_the_spool_in_first(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    spool(tmp_path, 1, 2)
    first = calls(store)
    spool(tmp_path, 3)

    assert (first, calls(store)) == (2, 3)


def test_nothing_is_held_between_two_questions(tmp_path: Path) -> None:
    one, other = open_store(tmp_path), open_store(tmp_path)
    calls(one)

    assert calls(other) == 0


def test_a_collector_is_found_and_asked(tmp_path: Path) -> None:
    spool(tmp_path, 1, 2)
    with a_collector(tmp_path) as collector:
        store = open_store(tmp_path)
        store.refresh()

        assert store.where == f"collector {collector.url}"
        assert calls(store) == 2


def test_a_reader_outlives_collectors_that_stop_and_start(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    spool(tmp_path, 1)
    with a_collector(tmp_path):
        store.refresh()
        during = calls(store)
    spool(tmp_path, 2)
    after = calls(store)
    with a_collector(tmp_path):
        again = calls(store)

    assert (during, after, again) == (1, 2, 2)


@pytest.mark.parametrize("through_collector", [True, False])
def test_a_refused_query_is_a_query_error_either_way(
    through_collector: bool, tmp_path: Path
) -> None:
    collector = a_collector(tmp_path)
    if through_collector:
        collector.start()
    with open_store(tmp_path) as store, pytest.raises(QueryError, match="this is DROP; write a"):
        store.sql("drop table spans")
    collector.stop()


def test_results_are_the_same_either_way(tmp_path: Path) -> None:
    query = "select span_id, start_time, tags, cost_usd, ? as p from llm_calls order by all"
    spool(tmp_path, 1, 2, 3)
    store = open_store(tmp_path)

    direct = store.sql(query, ["x"], max_rows=2)
    with a_collector(tmp_path):
        remote = store.sql(query, ["x"], max_rows=2)

    assert remote.equals(direct)
    assert remote.schema.metadata == direct.schema.metadata == {b"llmtrace.truncated": b"true"}


def test_a_wrong_token_is_named_as_that(tmp_path: Path) -> None:
    with a_collector(tmp_path, LLMTRACE_TOKEN="right"):
        store = HomeStore(tmp_path, leave_unpriced, token=Secret("wrong"))

        with pytest.raises(StoreError, match="refuses the token; set LLMTRACE_TOKEN") as caught:
            store.sql("select 1")

    assert "wrong" not in str(caught.value)


def test_a_store_that_another_process_holds_is_named_with_its_holder(tmp_path: Path) -> None:
    held = StoreLock(tmp_path)
    held.try_acquire("import job")

    with pytest.raises(StoreLockedError, match=rf"process {os.getpid()} \(import job\)"):
        HomeStore(tmp_path, leave_unpriced, lock_timeout_s=0.1).sql("select 1")
    held.release()


def test_a_collector_that_publishes_while_the_lock_is_awaited_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_collector(tmp_path):
        hidden = (tmp_path / "collector.json").rename(tmp_path / "hidden")
        looks: list[int] = []

        def publish_late(lock: StoreLock, name: str) -> bool:
            looks.append(1)
            if len(looks) == 2:
                hidden.rename(tmp_path / "collector.json")
            return False

        monkeypatch.setattr(StoreLock, "try_acquire", publish_late)

        assert calls(open_store(tmp_path)) == 0


def test_a_newer_store_is_refused_and_the_spool_kept(tmp_path: Path) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.transaction(
            lambda t: t.execute("update _meta set value = '999' where key = 'schema_version'")
        )
    spool(tmp_path, 1)

    with pytest.raises(StoreVersionError, match="written by a newer llmtrace; upgrade this one"):
        open_store(tmp_path).sql("select 1")

    assert len(list((tmp_path / "spool").iterdir())) == 1


def test_a_home_that_is_a_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")

    with pytest.raises(StoreUnreachableError, match="or set LLMTRACE_HOME to another folder"):
        open_store(tmp_path / "home").sql("select 1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_home_is_named_with_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreUnreachableError, match="give this user write access"):
            open_store(tmp_path).sql("select 1")
    finally:
        tmp_path.chmod(0o700)


def test_the_store_is_its_owners_alone(tmp_path: Path) -> None:
    with open_store(tmp_path / "home") as store:
        store.sql("select 1")

    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "home" / DATABASE_FILE).stat().st_mode & 0o777 == 0o600
