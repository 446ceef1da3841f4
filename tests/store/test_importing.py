"""Importing files into a store: through the spool, once, with a truthful report."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.clock import FixedClock
from llmtrace.config import Settings, load_settings
from llmtrace.store import StoreLock, importing
from llmtrace.store.importing import import_files
from tests.architecture.sources import REPOSITORY
from tests.cli.homes import collected, rows
from tests.otlp.imports.test_langfuse import BLOB

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.otlp.imports.report import Report

NOW = FixedClock(datetime(2026, 11, 21, tzinfo=UTC))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, home=tmp_path / "home")


def observations(path: Path, *changes: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps({**BLOB, **change}) for change in changes) + "\n")
    return path


def take(settings: Settings, *paths: Path, **options: Any) -> Report:
    return import_files(paths, settings, clock=NOW, **options)


@pytest.mark.parametrize("running", [False, True], ids=["no collector", "collector"])
def test_what_is_imported_is_stored_once_with_or_without_a_collector(
    tmp_path: Path, settings: Settings, *, running: bool
) -> None:
    path = observations(tmp_path / "a.jsonl", {}, {"id": "00000000000000aa"}, {})

    with collected(settings.home, running=running):
        first = take(settings, path)
        again = take(settings, path)
        stored = rows(
            settings.home, "select count(*)::int as n, sum(cost_usd) as usd from llm_calls"
        )

    assert (first.records, first.stored, first.duplicates, first.waiting) == (3, 2, 1, 0)
    assert (again.stored, again.duplicates) == (0, 3)
    assert not first.is_lossy
    assert stored[0]["n"] == 2
    assert stored[0]["usd"] > 0


def test_costs_are_ours_and_the_files_are_told_beside(tmp_path: Path, settings: Settings) -> None:
    report = take(settings, observations(tmp_path / "a.jsonl", {}), is_dry_run=True)

    # claude-sonnet-4-5: 10 at 3, 90 cached at 0.30, 5 out at 15 dollars a million
    assert float(report.priced_usd) == pytest.approx(0.000132)
    assert float(report.stated_usd) == pytest.approx(0.0003)


def test_a_dry_run_stores_and_creates_nothing(tmp_path: Path, settings: Settings) -> None:
    report = take(settings, observations(tmp_path / "a.jsonl", {}), is_dry_run=True)

    assert (report.spans, report.calls, report.stored) == (1, 1, None)
    assert not settings.home.exists()


def test_a_span_says_which_import_brought_it_and_for_which_project(
    tmp_path: Path, settings: Settings
) -> None:
    take(settings, observations(tmp_path / "a.jsonl", {}), project="billing")

    (found,) = rows(settings.home, "select attributes as a from resources")
    told = dict(found["a"])
    assert told["llmtrace.import.format"] == "langfuse"
    assert told["llmtrace.import.file"] == "a.jsonl"
    assert told["llmtrace.project"] == "billing"


def test_a_call_that_starts_in_the_future_is_refused(tmp_path: Path, settings: Settings) -> None:
    path = observations(tmp_path / "a.jsonl", {"start_time": "2200-01-01 00:00:00"}, {})

    report = take(settings, path, is_dry_run=True)

    assert report.skipped == {"a start in the future": 1}
    assert report.spans == 1


def test_a_file_of_an_unknown_tool_is_told_by_the_names_of_its_fields(
    tmp_path: Path, settings: Settings
) -> None:
    path = tmp_path / "other.csv"
    path.write_text("colour,weight\nred,2\n")

    report = take(settings, path, is_dry_run=True)

    (example,) = report.examples["of no known format"]
    assert f"{path}:2" in example
    assert "colour, weight" in example


def test_reports_of_usage_enter_no_sum(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "cost.csv"
    path.write_text(
        "start_time,end_time,amount_value,amount_currency,line_item\n"
        "1793491200,1793577600,12.5,usd,gpt-4o\n"
    )

    report = take(settings, path)

    assert (report.usage_rows, report.calls) == (1, 0)
    assert rows(settings.home, "select * from llm_calls") == []
    (trace,) = rows(settings.home, "select llm_calls::int as n, cost_usd from traces")
    assert (trace["n"], trace["cost_usd"]) == (0, None)
    (row,) = rows(settings.home, "select cost_usd::double as usd, is_inference as i from spans")
    assert row == {"usd": 12.5, "i": False}


def test_the_comparison_in_the_documentation_finds_what_nobody_recorded(
    tmp_path: Path, settings: Settings
) -> None:
    usage = {
        "usage_date_utc": "2026-11-01",
        "model_version": "claude-sonnet-4-5",
        "usage_input_tokens_no_cache": "1000",
        "usage_output_tokens": "50",
    }
    lines = [",".join(usage), ",".join(usage.values())]
    partial = [*lines[:1], lines[1].replace("1000", "600")]
    for name, content in (("day.csv", lines), ("noon.csv", partial)):
        (tmp_path / name).write_text("\n".join(content))
    paths = [tmp_path / "noon.csv", tmp_path / "day.csv"]
    take(settings, *paths, observations(tmp_path / "a.jsonl", {}))
    page = (REPOSITORY / "docs" / "imports.md").read_text()

    (row,) = rows(settings.home, page.partition("```sql")[2].partition("```")[0])

    assert (row["stated_tokens"], row["our_tokens"]) == (1050, 105)
    assert (row["stated_requests"], row["our_requests"]) == (None, 1)


def test_pieces_are_stored_before_the_next_is_read(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_BYTES_PER_PIECE", 1)
    monkeypatch.setattr(importing, "_SPANS_PER_REQUEST", 2)
    path = observations(tmp_path / "a.jsonl", *({"id": f"{n + 1:016x}"} for n in range(5)))

    report = take(settings, path)

    assert (report.stored, report.waiting) == (5, 0)
    assert list((settings.home / "spool").iterdir()) == []


def test_where_the_store_cannot_be_asked_spans_wait_on_the_disk_and_the_report_says_so(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.store.importing._LOCK_TIMEOUT_S", 0.1)
    path = observations(tmp_path / "a.jsonl", {})
    lock = StoreLock(settings.home)
    lock.acquire("another program", timeout_s=1, give_up=lambda: False)

    report = take(settings, path)
    lock.release()

    assert (report.stored, report.waiting) == (None, 1)
    assert "another program" in (report.problem or "")
    assert len(rows(settings.home, "select * from llm_calls")) == 1


def test_a_spool_that_cannot_be_written_ends_the_import_with_a_report(
    tmp_path: Path, settings: Settings
) -> None:
    settings.home.mkdir()
    (settings.home / "spool").write_text("a file in the folder's place")

    report = take(settings, observations(tmp_path / "a.jsonl", {}))

    assert "cannot create segment" in (report.problem or "")
    assert (report.spans, report.stored, report.waiting) == (1, None, 0)
