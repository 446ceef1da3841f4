"""System: what the collector, the store and the disk say of themselves. For viewers of all tenants.

Received, stored and dropped are the collector's ledger since it began; sizes are those of the
files; lag and rate are of the spans that are stored. Nothing here is of one tenant.
"""

from __future__ import annotations

import json
import platform
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import streamlit as st

from dashboards.access import check_all_tenants, require_all_tenants
from dashboards.asking import STEP_S, place, present, wall_ms, whole_admin, whole_store
from dashboards.figures import Point
from dashboards.home import home
from dashboards.home import settings as chosen_settings
from llmtrace.errors import LlmtraceError
from llmtrace.pricing import load_price_book
from llmtrace.pricing.updates import on_disk_since
from llmtrace.store import on_disk
from llmtrace.store.discovery import find_collector
from llmtrace.store.drain import SPOOL, WAL
from llmtrace.store.on_disk import DeadLetters
from llmtrace.store.queries import store_counts, unpriced_calls
from llmtrace.store.settings_shown import ShownSetting, shown_settings
from llmtrace.store.upkeep_queries import ingest_course, latest_audit, stored_totals
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dashboards.asking import Place
__all__ = ["DeadLetters", "ShownSetting", "require_all_tenants"]

Row = dict[str, Any]
Span = Literal["hour", "day"]
_LENGTHS: Final[dict[Span, tuple[timedelta, Literal["minute", "hour"]]]] = {
    "hour": (timedelta(hours=1), "minute"),
    "day": (timedelta(hours=24), "hour"),
}
RATE_OVER: Final = timedelta(minutes=5)
AUDIT_ROWS: Final = 20
SPANS: Final = "Spans"
MEDIAN: Final = "Median"
P95: Final = "95th percentile"
_PACKAGES: Final = ("duckdb", "pyarrow", "streamlit", "genai-prices", "opentelemetry-api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """The running collector and its ledger, which begins at 0 with it."""

    url: str
    pid: int
    version: str
    started_at: datetime | None
    received: Mapping[str, int]
    """Spans by source."""
    stored: int
    duplicates: int
    dropped: Mapping[str, int]
    """Spans by reason."""
    refused: Mapping[str, int]
    """Requests by status; their senders have them still."""
    waiting_bytes: int
    problem: str | None
    """Why spans do not get into the store now; None if they do."""
    is_disk_low: bool
    price_version: str
    forward: Mapping[str, Row]
    """By target: forwarded, dropped (by reason), waiting_bytes, lag_s, error."""

    @property
    def unsettled(self) -> int:
        """Spans received of which it is not known yet what becomes of them."""
        settled = self.stored + self.duplicates + sum(self.dropped.values())
        return sum(self.received.values()) - settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What was stored in a stretch of time."""

    spans: int
    ahead: int
    """Spans that were stored before their end: a clock is wrong; they have no lag."""
    lag_p50_s: float | None
    lag_p95_s: float | None
    stored: Sequence[Point]
    lags: Sequence[Point]
    grain: Literal["minute", "hour"]
    edges: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What something takes of the disk."""

    name: str
    size_bytes: int
    files: int | None
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The price list in use, and what it does not price."""

    version: str
    since: datetime | None
    """When it came to this machine."""
    overrides: Path | None
    """The user's price file, if there is one."""
    unpriced_calls: int
    unpriced_models: int


def where() -> str:
    """Say where the figures come from: ``collector http://…`` or ``file …``."""
    return whole_store().where


def collector() -> Collector | None:
    """Return what the running collector tells; None if none runs."""
    check_all_tenants()
    running = find_collector(home())
    status = whole_store().collector_status() if running is not None else None
    if running is None or status is None:
        return None
    figures = cast("dict[str, list[Row]]", status["figures"])
    started = running.started_at
    return Collector(
        url=running.url,
        pid=running.pid,
        version=running.version,
        started_at=None if started is None else datetime.fromisoformat(started),
        received=_by(figures, "llmtrace_spans_received_total", "source"),
        stored=_one(figures, "llmtrace_spans_stored_total"),
        duplicates=_one(figures, "llmtrace_spans_duplicate_total"),
        dropped=_by(figures, "llmtrace_spans_dropped_total", "reason"),
        refused=_by(figures, "llmtrace_requests_refused_total", "status"),
        waiting_bytes=_one(figures, "llmtrace_lag_bytes"),
        problem=status["error"],
        is_disk_low=bool(_one(figures, "llmtrace_disk_low")),
        price_version=", ".join(_by(figures, "llmtrace_price_book_info", "version")),
        forward=status["forward"],
    )


def totals() -> Row:
    """Return how much is stored; columns as ``sql/stored_totals.sql`` says."""
    check_all_tenants()
    return _totals(place(), present())


def rate_per_s() -> float:
    """Return how many spans a second were stored in the last five minutes."""
    check_all_tenants()
    now = present()
    whole, _ = _arrivals(place(), now - RATE_OVER, now, "minute")
    return whole["spans"] / RATE_OVER.total_seconds()


def course(span: Span, zone: str) -> Course:
    """Return what was stored in the last hour or day, by minute or hour."""
    check_all_tenants()
    length, grain = _LENGTHS[span]
    now = present()
    whole, rows = _arrivals(place(), now - length, now, grain)
    times = [wall_ms(row["time"], zone) for row in rows]
    return Course(
        spans=whole["spans"],
        ahead=whole["ahead"],
        lag_p50_s=whole["lag_p50_s"],
        lag_p95_s=whole["lag_p95_s"],
        stored=[
            Point(time_ms=at, series=SPANS, value=row["spans"])
            for at, row in zip(times, rows, strict=True)
        ],
        lags=[
            Point(time_ms=at, series=name, value=row[column])
            for at, row in zip(times, rows, strict=True)
            for name, column in ((MEDIAN, "lag_p50_s"), (P95, "lag_p95_s"))
            if row[column] is not None
        ],
        grain=grain,
        edges=(wall_ms(now - length, zone), wall_ms(now, zone)),
    )


def counts() -> dict[str, int]:
    """Return what was lost, refused, repaired, deleted or damaged since the store was made."""
    check_all_tenants()
    return store_counts(whole_store())


def taken() -> list[Taken]:
    """Return what lies on the disk, by what it is."""
    check_all_tenants()
    folder = home()
    sizes = on_disk.store_bytes(folder)
    spool, log = on_disk.segments(folder / SPOOL), on_disk.segments(folder / WAL)
    letters = on_disk.dead_letters(folder)
    return [
        Taken(name="Store", size_bytes=sizes["database"], files=1 if sizes["database"] else 0,
              about="llmtrace.duckdb; compact gives back what was deleted"),
        Taken(name="Store's log", size_bytes=sizes["log"], files=1 if sizes["log"] else 0,
              about="merged into the store by and by"),
        Taken(name="Spool", size_bytes=spool.size_bytes, files=spool.files,
              about=f"written by apps, {spool.written_now} of them now; waits for the store"),
        Taken(name="Collector's log", size_bytes=log.size_bytes, files=log.files,
              about="acknowledged to senders; waits for the store"),
        Taken(name="To be sent on", size_bytes=sum(on_disk.forward_waiting(folder).values()),
              files=None, about="waits for the backends of LLMTRACE_FORWARD_TO"),
        Taken(name="Dead letters", size_bytes=sum(each.size_bytes for each in letters),
              files=sum(each.files for each in letters), about="put aside, for people to look at"),
    ]  # fmt: skip


def disk() -> on_disk.Disk:
    """Return the disk that the home is on."""
    check_all_tenants()
    return on_disk.disk(home())


def dead_letters() -> list[DeadLetters]:
    """Return the requests that lie aside, by reason."""
    check_all_tenants()
    return on_disk.dead_letters(home())


def forward_waiting() -> dict[str, int]:
    """Return by target how many bytes wait to be sent on, as the files say."""
    check_all_tenants()
    return on_disk.forward_waiting(home())


def latest(operation: str | None = None, *, limit: int = AUDIT_ROWS) -> list[Row]:
    """Return the latest rows of the audit, newest first; times are aware, UTC."""
    check_all_tenants()
    rows = latest_audit(whole_store(), operation, limit=limit)
    return [
        {
            **row,
            "recorded_at": row["recorded_at"].replace(tzinfo=UTC),
            "arguments": json.loads(row["arguments"]),
            "outcome": json.loads(row["outcome"]),
        }
        for row in rows
    ]


def prices() -> Prices:
    """Return the price list in use here, and how many calls of all time have no price."""
    check_all_tenants()
    settings = chosen_settings()
    own = settings.prices_file or settings.home / "prices.yaml"
    calls, models = _unpriced(place(), present())
    return Prices(
        version=_price_version(place()),
        since=on_disk_since(settings.home),
        overrides=own if own.is_file() else None,
        unpriced_calls=calls,
        unpriced_models=models,
    )


def check_rollups() -> Row:
    """Hold the hourly sums against the spans; ``wrong_rows`` is 0 if they agree."""
    return whole_admin().run("rollups", {})


def versions() -> dict[str, str]:
    """Return the versions of what serves this page."""
    found = {"llmtrace": VERSION, "Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    with suppress(LlmtraceError):  # the page says elsewhere that the store cannot be read
        found["schema of the store"] = str(totals()["schema"])
    return found


def settings() -> list[ShownSetting]:
    """Return the settings of the process that serves this page; of secrets that they are set."""
    check_all_tenants()
    return shown_settings(chosen_settings())


def _by(figures: Mapping[str, list[Row]], name: str, label: str) -> dict[str, int]:
    return {each["labels"][label]: int(each["value"]) for each in figures.get(name, [])}


def _one(figures: Mapping[str, list[Row]], name: str) -> int:
    (sample,) = figures[name]
    return int(sample["value"])


@st.cache_data(ttl=STEP_S, max_entries=4, show_spinner=False)
def _totals(where: Place, at: datetime) -> Row:
    del where, at
    return stored_totals(whole_store())


@st.cache_data(ttl=STEP_S, max_entries=20, show_spinner=False)
def _arrivals(
    where: Place, start: datetime, end: datetime, grain: Literal["minute", "hour"]
) -> tuple[Row, list[Row]]:
    del where
    return ingest_course(whole_store(), start, end, grain)


@st.cache_data(ttl=60, max_entries=4, show_spinner=False)
def _unpriced(where: Place, at: datetime) -> tuple[int, int]:
    del where, at
    rows = unpriced_calls(whole_store()).to_pylist()
    return sum(row["calls"] for row in rows), len({(row["provider"], row["model"]) for row in rows})


@st.cache_data(ttl=60, max_entries=4, show_spinner=False)
def _price_version(where: Place) -> str:
    del where
    return load_price_book(chosen_settings()).version
