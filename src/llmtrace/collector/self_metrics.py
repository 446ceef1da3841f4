"""What a collector says of itself: where every span went, what waits, what was refused.

Counters begin at 0 with the process, as Prometheus expects. They hold

    received = stored + duplicates + dropped + waiting

where ``received`` is counted by the receivers when they acknowledge (and for what apps spooled and
an earlier collector left behind, when it is read), the right side by the drain when it commits:
two ends of the pipe, counted apart. ``waiting`` is 0 once ``llmtrace_lag_bytes`` is.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from llmtrace.collector.exposition import Family, by_label, one
from llmtrace.collector.forward_figures import forward_families
from llmtrace.spool import directory_bytes, list_segments
from llmtrace.store.dead_letters import DEAD_LETTERS
from llmtrace.store.drain import SPOOL, WAL
from llmtrace.store.on_disk import store_bytes
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from llmtrace.collector.drainer import Drainer
    from llmtrace.collector.forward import Forwarded
    from llmtrace.collector.intake import Intake
    from llmtrace.store import Drain

# Reasons of ``Writer.counts`` that begin so; totals over all collectors since the store was made.
_LOST: Final = "lost."
_REPAIRED: Final = "repaired."
_LIMITED: Final = "limited."
_REDACTED: Final = "redacted."
_FUTURE: Final = "odd.future"


class SelfMetrics:
    """Reads the figures of one collector; ``families`` from any thread."""

    def __init__(  # noqa: PLR0913  # whoever has figures to tell
        self,
        *,
        home: Path,
        intake: Intake,
        drain: Drain,
        drainer: Drainer,
        counts: Callable[[], dict[str, int]],
        price_version: Callable[[], str],
        forwarded: Callable[[], Mapping[str, Forwarded]] = dict,
        questions: Mapping[str, int],
        closed: Mapping[str, int],
    ) -> None:
        """Read from these; ``counts``: the store's totals by reason (``Writer.counts``)."""
        self.forwarded = forwarded
        self._questions = questions
        self._closed = closed
        self._home = home
        self._intake = intake
        self._drain = drain
        self._drainer = drainer
        self._counts = counts
        self._price_version = price_version

    def families(self) -> list[Family]:
        """Return every figure. Raises StoreError, SegmentError."""
        return [
            *self._spans(),
            *self._refusals(),
            *self._unbelieved(),
            *self._waiting(),
            *self._drain_work(),
            *self._store(),
            *forward_families(self.forwarded()),
            by_label(
                "llmtrace_questions_total",
                "counter",
                "Questions to /v1/sql and /v1/metrics-query: answered; refused for what they say "
                "or take; unavailable, as when others were in line; gone with their client.",
                "outcome",
                dict(self._questions),
            ),
            *self._about(),
        ]

    def _spans(self) -> list[Family]:
        ledger = self._drain.ledger
        received = {
            **dict.fromkeys(("http", "grpc"), 0),
            **self._intake.acknowledged,
            "spool": ledger.from_spool,
            "earlier_log": ledger.from_earlier_log,
        }
        return [
            by_label(
                "llmtrace_spans_received_total",
                "counter",
                "Spans acknowledged by a receiver, or read from what apps or an earlier "
                "collector left on the disk.",
                "source",
                received,
            ),
            one(
                "llmtrace_spans_stored_total", "counter", "Spans put into the store.", ledger.stored
            ),
            one(
                "llmtrace_spans_duplicate_total",
                "counter",
                "Spans that were in the store already; nothing is lost with them.",
                ledger.duplicates,
            ),
            by_label(
                "llmtrace_spans_dropped_total",
                "counter",
                "Spans received and not stored, by reason.",
                "reason",
                {"no_valid_id": ledger.without_ids, "dead_letter": ledger.dead_letter},
            ),
            by_label(
                "llmtrace_app_spans_lost_total",
                "counter",
                "Spans that apps say they lost, by reason; since the store was made.",
                "reason",
                self._counted(_LOST),
            ),
        ]

    def _unbelieved(self) -> list[Family]:
        return [
            by_label(
                "llmtrace_values_repaired_total",
                "counter",
                "Values that cannot be true, as negative tokens or an end before the start: "
                "unknown in their column, kept among the attributes; since the store was made.",
                "column",
                self._counted(_REPAIRED),
            ),
            by_label(
                "llmtrace_values_limited_total",
                "counter",
                "Values cut short or left out because they were too long or too many; since the "
                "store was made.",
                "what",
                self._counted(_LIMITED),
            ),
            by_label(
                "llmtrace_values_redacted_total",
                "counter",
                "Secrets and personal data taken out of the spans of other tools, by kind; since "
                "the store was made.",
                "kind",
                self._counted(_REDACTED),
            ),
            one(
                "llmtrace_spans_from_the_future_total",
                "counter",
                "Spans that began over a day after they were stored: their clock is wrong; since "
                "the store was made.",
                self._counts().get(_FUTURE, 0),
            ),
        ]

    def _counted(self, prefix: str) -> dict[str, int]:
        return {
            name.removeprefix(prefix): count
            for name, count in self._counts().items()
            if name.startswith(prefix)
        }

    def _refusals(self) -> list[Family]:
        return [
            by_label(
                "llmtrace_requests_refused_total",
                "counter",
                "Requests of spans, logs or metrics that were not taken, by HTTP or gRPC status.",
                "status",
                dict(self._intake.refused),
            ),
            by_label(
                "llmtrace_records_refused_total",
                "counter",
                "Log records and metric points, which are not kept; their sender was told.",
                "signal",
                {**dict.fromkeys(("logs", "metrics"), 0), **self._intake.unsupported},
            ),
            by_label(
                "llmtrace_requests_rate_limited_total",
                "counter",
                "Requests refused because their project sends more than it may, by project; among "
                "those refused.",
                "project",
                dict(self._intake.limits.refused),
            ),
            one(
                "llmtrace_characters_replaced_total",
                "counter",
                "Characters U+FFFD that stand for what was no UTF-8 in texts that clients sent.",
                self._intake.replaced,
            ),
            by_label(
                "llmtrace_http_connections_closed_total",
                "counter",
                "HTTP connections ended because no whole request came in time, or because there "
                "were too many and this one was the quietest.",
                "reason",
                {**dict.fromkeys(("silent", "too_many"), 0), **self._closed},
            ),
        ]

    def _waiting(self) -> list[Family]:
        folders = {SPOOL: self._home / SPOOL, WAL: self._home / WAL}
        ledger = self._drain.ledger
        return [
            one(
                "llmtrace_lag_bytes",
                "gauge",
                "Bytes on the disk that are not in the store yet.",
                self._drain.pending_bytes(),
            ),
            by_label(
                "llmtrace_segments",
                "gauge",
                "Segment files, by folder.",
                "folder",
                {name: len(list_segments(path)) for name, path in folders.items()},
            ),
            by_label(
                "llmtrace_segment_bytes",
                "gauge",
                "Size of the segment files, by folder.",
                "folder",
                {name: directory_bytes(path) for name, path in folders.items()},
            ),
            one(
                "llmtrace_segment_damages_total",
                "counter",
                "Damaged stretches of segments that were skipped.",
                ledger.damaged_stretches,
            ),
            one(
                "llmtrace_dead_letter_requests_total",
                "counter",
                "Requests that could not be read or stored and were put aside.",
                ledger.dead_letter_requests,
            ),
            one(
                "llmtrace_dead_letter_files",
                "gauge",
                "Requests that lie aside now, for people to look at.",
                len(list((self._home / DEAD_LETTERS).glob("*.otlp"))),
            ),
        ]

    def _drain_work(self) -> list[Family]:
        return [
            one(
                "llmtrace_drain_seconds_total",
                "counter",
                "Time spent moving spans into the store.",
                self._drainer.seconds,
            ),
            one(
                "llmtrace_drain_runs_total",
                "counter",
                "Times that the segments were looked at.",
                self._drainer.runs,
            ),
            one(
                "llmtrace_drain_failing",
                "gauge",
                "1 while spans cannot get into the store, else 0.",
                int(self._drainer.error is not None or not self._drainer.is_alive()),
            ),
        ]

    def _store(self) -> list[Family]:
        return [
            by_label(
                "llmtrace_store_bytes",
                "gauge",
                "Size of the store's file, and of what is not yet merged into it.",
                "part",
                store_bytes(self._home),
            ),
            one(
                "llmtrace_disk_low",
                "gauge",
                "1 while nothing is taken because the disk is too full, else 0.",
                int(self._intake.is_disk_low),
            ),
            one(
                "llmtrace_disk_free_bytes",
                "gauge",
                "Free space of the disk that the home is on.",
                shutil.disk_usage(self._home).free,
            ),
        ]

    def _about(self) -> list[Family]:
        return [
            by_label(
                "llmtrace_price_book_info",
                "gauge",
                "The price list in use; always 1.",
                "version",
                {self._price_version(): 1},
            ),
            by_label(
                "llmtrace_build_info",
                "gauge",
                "The version of llmtrace; always 1.",
                "version",
                {VERSION: 1},
            ),
        ]
