"""System: each figure is the ledger's, plain SQL's, or that of a file; no secret is on the page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from dashboards import data_system as system
from dashboards.access import NotAllowedError, Viewer, acting_as
from dashboards.components import format as fmt
from llmtrace.clock import SystemClock
from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.spool import SegmentWriter
from llmtrace.spool.keeping import activate
from llmtrace.store import DATABASE_FILE, open_store
from llmtrace.store.admin import Admin
from llmtrace.store.dead_letters import put_aside
from tests.collector.clients import call as http
from tests.collector.clients import send
from tests.dashboards.opening import as_markdown, metrics, open_page, texts
from tests.dashboards.seeding import fill
from tests.dashboards.test_overview import HOSTILE
from tests.otlp.otlp_requests import request, span
from tests.store.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

NOW = datetime(2026, 11, 18, 15, 30, 5, tzinfo=UTC)
CANARY = "c4n4ry-0123456789abcdef"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The page, and what there was to see when it was opened."""

    app: AppTest
    home: Path
    told: dict[str, float]
    """``/metrics``."""
    files: dict[str, int]
    """Sizes in bytes."""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Open the page once, on a collector that was sent good, bad, repeated and poisonous spans."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "now", lambda _self: NOW)
        patch.setenv("LLMTRACE_DASHBOARD_TOKEN", CANARY)
        patch.setenv("LLMTRACE_HOME", str(home))
        patch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"key={CANARY}")
        fill(home, [call(NOW, latency_ms=500), call(NOW, cost_usd=None, cost_source="unpriced")])
        with Collector(load_settings({}, home=home), port=0) as running:
            send(running.url, request(span(1), span(2)))
            send(running.url, request(span(2), span(3), span(4, span_id=b"")))
            assert send(running.url, b"\xff garbage").status == 400
            spool = SegmentWriter(home / "spool", now_ns=lambda: 1, pid=1)
            spool.append(b"\xff garbage")
            spool.append(request(span(5)))
            spool.close()
            told = {"payloads_before": "2026-01-01T00:00:00+00:00", "actor": HOSTILE[0]}
            Admin(load_settings({}, home=home)).run("retention", told)
            app = open_page(home, patch, "system")
            told = prometheus(running.url)
            files = {
                path.relative_to(home).as_posix(): path.stat().st_size
                for path in home.rglob("*.*")
                if path.is_file()
            }
            app.button(key="system-check").click().run()
        assert not app.exception
        # Without the collector: what the tests ask then needs no process of its own.
        yield Opened(app=app, home=home, told=told, files=files)


def table(app: AppTest, name: str) -> list[dict[str, Any]]:
    """Return the rows of the table that has a column."""
    for each in app.dataframe:
        if name in each.value.columns:
            records = each.value.to_dict("records")
            return [{str(key): value for key, value in row.items()} for row in records]
    raise AssertionError(f"no table has a column {name}")


def plain(home: Path, sql: str) -> dict[str, Any]:
    (row,) = open_store(home).sql(sql).to_pylist()
    return row


def prometheus(url: str) -> dict[str, float]:
    """Return what ``/metrics`` says, by name and labels as it writes them."""
    lines = http(url, "GET", "/metrics").body.decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_where_every_span_went_is_the_collectors_ledger(busy: Opened) -> None:
    app, told = busy.app, busy.told

    shown = {row["Spans"]: row["Since it began"] for row in table(app, "Since it began")}
    assert shown == {
        "Received: OTLP/HTTP": fmt.count(told['llmtrace_spans_received_total{source="http"}']),
        "Received: Spool of apps on this machine": "1",
        "Received": "6",
        "Stored": fmt.count(told["llmtrace_spans_stored_total"]),
        "There already": fmt.count(told["llmtrace_spans_duplicate_total"]),
        "Dropped: Without a valid id; the sender was told": "1",
        "Dropped: In dead letters": "0",
        "On their way": "0",
    }
    assert (shown["Stored"], shown["There already"]) == ("4", "1")
    assert metrics(app)["Dropped"] == "1"
    assert metrics(app)["Waiting"] == fmt.byte_size(told["llmtrace_lag_bytes"]) == "0 B"
    assert "1 request refused" in as_markdown(app)


def test_rate_lag_and_totals_are_plain_sql(busy: Opened) -> None:
    app, home = busy.app, busy.home

    row = plain(
        home,
        """with s as (select *, epoch_us(ingested_at - end_time) / 1e6 as lag from spans)
        select count(*) as spans, count(*) filter (where is_inference) as calls,
            count(*) filter (where lag < 0) as ahead,
            quantile_disc(lag, 0.5) filter (where lag >= 0) as middle,
            quantile_disc(lag, 0.95) filter (where lag >= 0) as late from s
        where ingested_at > timestamp '2026-11-18 14:30:10'""",
    )
    assert row["spans"] == 6
    assert metrics(app)["Spans stored"] == "6"
    assert metrics(app)["Stored a second"] == f"{6 / 300:.1f}"
    assert f"6 spans stored; lag {days(row['middle'])} in the middle" in texts(app)
    assert metrics(app)["Lag, 95th percentile"] == days(row["late"])
    assert row["ahead"] == 2
    assert "2 spans stored before their end" in texts(app)


def days(seconds: float) -> str:
    return f"{seconds / 86_400:,.1f} d"


def test_sizes_are_those_of_the_files(busy: Opened) -> None:
    sizes = {row["What"]: (row["Size"], row["Files"]) for row in table(busy.app, "Size")}
    (letter,) = (size for name, size in busy.files.items() if name.endswith(".otlp"))
    logs = [size for name, size in busy.files.items() if name.startswith("wal/")]

    assert sizes["Store"] == (fmt.byte_size(busy.files[DATABASE_FILE]), "1")
    assert sizes["Store's log"][0] == fmt.byte_size(busy.files[f"{DATABASE_FILE}.wal"])
    assert sizes["Spool"] == ("0 B", "0")
    assert sizes["Dead letters"] == (fmt.byte_size(letter), "1")
    assert sizes["Collector's log"][1] == str(len(logs))


def test_dead_letters_are_told_with_their_reason_and_the_commands(
    busy: Opened,
) -> None:
    app, home = busy.app, busy.home

    (path,) = (home / "deadletter").glob("*.why")
    assert table(app, "Put aside because") == [
        {"Put aside because": path.read_text(), "Requests": "1", "Bytes": "9"}
    ]
    assert metrics(app)["Dead letters"] == "1"
    assert any("llmtrace deadletter list" in code.value for code in app.code)


def test_counts_prices_and_versions_are_those_of_store_and_machine(
    busy: Opened,
) -> None:
    app, home = busy.app, busy.home

    counts = open_store(home).sql("select name, total from _counts where total > 0").to_pylist()
    assert {row["What"]: row["How many"] for row in table(app, "How many")} == {
        row["name"]: fmt.count(row["total"]) for row in counts
    }
    unpriced = plain(home, "select count(*) as n from llm_calls where is_unpriced")["n"]
    assert f"Without a price: {fmt.plural(unpriced, 'call')}" in texts(app)
    schema = plain(home, "select value from _meta where key = 'schema_version'")["value"]
    versions = {row["Of"]: row["Version"] for row in table(app, "Version")}
    assert versions["schema of the store"] == schema
    assert versions["duckdb"] == plain(home, "select version() as v")["v"].removeprefix("v")


def test_retention_and_the_audit_are_what_the_store_has(busy: Opened) -> None:
    app, home = busy.app, busy.home

    (row,) = table(app, "Outcome")
    kept = plain(home, "from audit")
    assert (row["What"], row["When"]) == ("retention", "2026-11-18 15:30:05")
    assert row["Outcome"] == fmt.one_line(kept["outcome"], 200)
    assert row["Who"] == fmt.one_line(HOSTILE[0], 60)
    assert HOSTILE[0] not in as_markdown(app)
    assert "deleted contents before 2026-01-01 00:00:00" in texts(app)


def test_the_hourly_sums_are_checked_when_somebody_asks(busy: Opened) -> None:
    hours = plain(busy.home, "select count(distinct hour) as n from rollup_calls")["n"]

    assert f"{fmt.plural(hours, 'hour')}, 6 calls, 0 wrong rows" in texts(busy.app)


def test_settings_are_shown_and_no_secret(busy: Opened) -> None:
    app, home = busy.app, busy.home

    settings = {row["Setting"]: (row["Value"], row[""]) for row in table(app, "Setting")}
    assert settings["home"] == (str(home), "changed")
    assert settings["dashboard_token"] == settings["headers"] == ("set", "changed")
    assert settings["sample_ratio"] == ("1.0", "")
    everything = texts(app) + as_markdown(app) + str([each.value for each in app.dataframe])
    assert CANARY not in everything
    assert (home / "token").read_text().strip() not in everything


def test_without_a_collector_the_page_says_how_it_reads_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    activate(tmp_path, {"jaeger": 1_000_000})
    kept = SegmentWriter(tmp_path / "forward" / "jaeger", now_ns=lambda: 1, pid=1)
    kept.append(b"request")
    kept.close()
    for number, text in enumerate(HOSTILE):
        put_aside(tmp_path, f"l{number}", b"1", text)

    app = open_page(tmp_path, monkeypatch, "system")

    assert not app.exception
    assert "No collector runs" in as_markdown(app)
    assert f"reads the file {tmp_path / DATABASE_FILE}" in texts(app)
    assert (metrics(app)["Dropped"], metrics(app)["Waiting"]) == (fmt.NONE, fmt.NONE)
    assert metrics(app)["Lag, 95th percentile"] == fmt.NONE
    (path,) = (tmp_path / "forward" / "jaeger").glob("*.seg")
    (target,) = table(app, "Sent on to")
    assert (target["State"], target["Waiting"]) == (
        "waits for a collector", fmt.byte_size(path.stat().st_size),
    )  # fmt: skip
    for text in HOSTILE:
        assert text not in as_markdown(app)


def test_a_store_that_cannot_be_read_leaves_the_disk_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"not a store" * 1_000)

    app = open_page(tmp_path, monkeypatch, "system")

    assert not app.exception
    assert "The store cannot be read" in as_markdown(app)
    assert table(app, "Size")[0]["Size"] == "11.0 kB"
    assert table(app, "Setting")


def test_who_may_see_some_tenants_only_sees_nothing_of_it() -> None:
    acme = Viewer(name="ann", tenants=frozenset({"acme"}))

    with acting_as(acme), pytest.raises(NotAllowedError):
        system.totals()
    with acting_as(acme), pytest.raises(NotAllowedError):
        system.settings()
    with acting_as(acme), pytest.raises(NotAllowedError):
        system.taken()
