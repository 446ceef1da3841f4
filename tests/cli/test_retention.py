"""``llmtrace retention``: contents go before figures, at their age, and are counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.config import load_settings
from llmtrace.errors import QueryError
from llmtrace.otlp.rows import EventRow, LinkRow
from llmtrace.semconv import TOOL_CALL_ARGUMENTS
from llmtrace.store.admin import Admin
from tests.cli.homes import collected, llmtrace, rows, told
from tests.dashboards.seeding import fill
from tests.store.calls import call

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
BODY = '{"prompt": "hello"}'


@pytest.fixture
def aged(tmp_path: Path) -> Path:
    """Return a home with a call of today, one of 50 days ago and one of 500 days ago."""
    fill(
        tmp_path,
        [
            call(
                NOW - timedelta(days=days),
                request_body=BODY,
                events=(EventRow(time_us=1, name="said", attributes={"text": "hello"}),),
                links=(LinkRow(trace_id=b"\1" * 16, span_id=1),),
                attributes={TOOL_CALL_ARGUMENTS: "hello", "kept": "yes"},
                resource={"host": f"h{days}"},
                name=f"{days} days",
                cost_usd=Decimal("0.25"),
            )
            for days in (0, 50, 500)
        ],
    )
    return tmp_path


def counts(home: Path) -> dict[str, int]:
    tables = ("spans", "payloads", "events", "links", "resources")
    query = " union all ".join(f"select '{t}' as t, count(*) as n from {t}" for t in tables)  # noqa: S608  # tables of ours
    return {row["t"]: row["n"] for row in rows(home, query)}


@pytest.mark.parametrize("running", [False, True])
def test_contents_and_spans_go_at_their_own_ages(running: bool, aged: Path) -> None:
    with collected(aged, running=running):
        done = told(llmtrace(
            "retention", "--payloads", "30d", "--spans", "400d", "--yes", "--json",
            "--home", str(aged),
        ))  # fmt: skip
        left = counts(aged)
        kept = rows(aged, "select name, attributes from llm_calls order by start_time")

    assert done["deleted"] == {
        "payloads": 2, "events": 2, "links": 1, "spans": 1, "resources": 1, "content_attributes": 1,
    }  # fmt: skip
    assert left == {"spans": 2, "payloads": 1, "events": 1, "links": 2, "resources": 2}
    assert kept == [
        {"name": "50 days", "attributes": {"kept": "yes"}},
        {"name": "0 days", "attributes": {TOOL_CALL_ARGUMENTS: "hello", "kept": "yes"}},
    ]


@pytest.mark.parametrize("running", [False, True])
def test_a_dry_run_says_what_would_go_and_changes_nothing(running: bool, aged: Path) -> None:
    with collected(aged, running=running):
        before = counts(aged)
        ages = ("--payloads", "4w", "--spans", "400d")
        found = told(llmtrace("retention", *ages, "--dry-run", "--json", "--home", str(aged)))
        done = told(llmtrace("retention", *ages, "--yes", "--json", "--home", str(aged)))

    assert before == {"spans": 3, "payloads": 3, "events": 3, "links": 3, "resources": 3}
    assert (found["calls"], found["cost_usd"]) == (1, "0.250000000000")
    told_before = {
        name: found["deleted"][name] for name in ("payloads", "events", "spans", "links")
    }
    assert told_before == {name: done["deleted"][name] for name in told_before}


def test_without_a_yes_nothing_goes_and_the_error_says_what_would(aged: Path) -> None:
    result = llmtrace("retention", "--spans", "400d", "--home", str(aged))

    assert result.exit_code == 2
    assert "would go: 1 payloads, 1 events, 1 links, 1 spans" in result.stderr
    assert "--yes" in result.stderr
    assert counts(aged)["spans"] == 3


def test_what_went_is_counted_and_audited(aged: Path) -> None:
    llmtrace("retention", "--spans", "400d", "--yes", "--home", str(aged))

    totals = rows(aged, "select name, total from _counts where name = 'deleted.spans'")
    audit = rows(aged, "select operation, outcome, actor from audit")
    assert totals == [{"name": "deleted.spans", "total": 1}]
    assert [row["operation"] for row in audit] == ["retention"]
    assert '"spans": 1' in audit[0]["outcome"]
    assert "@" in audit[0]["actor"]


def test_dead_letters_stay(aged: Path) -> None:
    (aged / "deadletter").mkdir()
    letter = aged / "deadletter" / "a-1.otlp"
    letter.write_bytes(b"x")

    llmtrace("retention", "--spans", "0d", "--payloads", "0d", "--yes", "--home", str(aged))

    assert letter.read_bytes() == b"x"
    assert counts(aged)["spans"] == 0


@pytest.mark.parametrize("arguments", [(), ("--spans", "soon"), ("--spans", "-3d")])
def test_a_wrong_age_or_none_says_what_to_write(arguments: tuple[str, ...], aged: Path) -> None:
    result = llmtrace("retention", *arguments, "--home", str(aged))

    assert result.exit_code == 2
    assert "30d" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [{}, {"spans_before": "nonsense"}, {"spans_before": "2999-01-01"}, {"spans_before": 3}],
)
def test_wrong_arguments_change_nothing(arguments: dict[str, object], aged: Path) -> None:
    with pytest.raises(QueryError):
        Admin(load_settings({}, home=aged)).run("retention", arguments)

    assert counts(aged)["spans"] == 3
