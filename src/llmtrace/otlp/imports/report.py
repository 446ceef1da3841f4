"""What became of the records of an import: the loss report. Counts and words, no reading.

Lost is what is in no table afterwards, or is there as unknown: skipped records, cut values, counts
that cannot be true, dead letters. Duplicates, calls without a price and fields without a column of
their own (kept as attributes) are told, but not lost.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.normalize import UNPRICED
from llmtrace.usage.counts import as_decimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmtrace.otlp.rows import SpanRow

_EXAMPLES: Final = 3
_MAX_NAMES: Final = 300
_OTHERS: Final = "(others)"
_OURS: Final = "llmtrace."
_REPAIRED: Final = "repaired."
_LIMITED: Final = "limited."
_END: Final = "repaired.end_time"
"""Of a record without an end: its length is unknown there too."""


@dataclass(slots=True, kw_only=True)
class Report:
    """Counts of one import; ``stored``, ``duplicates`` None while it is not known."""

    is_dry_run: bool = False
    files: int = 0
    records: int = 0
    """Read, those within others each for itself."""
    empty: int = 0
    """Rows that say nothing, as of a day without calls."""
    spans: int = 0
    """Made of records; handed to the store unless it was a dry run."""
    calls: int = 0
    usage_rows: int = 0
    """Spans that stand for many calls: never in a sum."""
    stored: int | None = None
    duplicates: int | None = None
    dead_letters: int = 0
    waiting: int = 0
    """Handed over, on the disk, but not yet in the store."""
    problem: str | None = None
    """Why they wait."""
    skipped: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    cut: Counter[str] = field(default_factory=Counter[str])
    unbelieved: Counter[str] = field(default_factory=Counter[str])
    kept: Counter[str] = field(default_factory=Counter[str])
    """Fields without a column, by name: they are attributes."""
    unpriced: Counter[str] = field(default_factory=Counter[str])
    """Calls without a price, by model."""
    doubtful: int = 0
    """Calls whose counts do not add up (``usage_anomaly``)."""
    stated_calls: int = 0
    """Priced calls of which the file states a cost too."""
    stated_usd: Decimal = Decimal(0)
    priced_usd: Decimal = Decimal(0)
    """Ours, of the same calls."""

    @property
    def is_lossy(self) -> bool:
        """Whether anything was lost."""
        return bool(self.skipped or self.cut or self.unbelieved or self.dead_letters)

    def skip(self, reason: str, where: str, detail: str | None = None) -> None:
        """Count a record that did not become a span; the first few of a reason are shown."""
        self.refuse(reason, f"{where}: {detail or reason}")

    def refuse(self, reason: str, message: str) -> None:
        """Count what ``message`` tells in full, with its place."""
        self.skipped[reason] += 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < _EXAMPLES:
            shown.append(message)

    def add(self, rows: Iterable[SpanRow], counts: Mapping[str, int]) -> None:
        """Count what the rows of one request say, and what was wrong with them."""
        for name, count in counts.items():
            if name.startswith(_LIMITED):
                self.cut[name.removeprefix(_LIMITED)] += count
            elif name.startswith(_REPAIRED) and name != _END:
                self.unbelieved[name.removeprefix(_REPAIRED)] += count
        for row in rows:
            self.spans += 1
            self.usage_rows += row.operation == semconv.OP_USAGE_REPORT
            self.doubtful += row.usage_anomaly is not None
            for name in row.attributes:
                if not name.startswith(_OURS):
                    known = name in self.kept or len(self.kept) < _MAX_NAMES
                    self.kept[name if known else _OTHERS] += 1
            if row.is_inference:
                self._add_call(row)

    def _add_call(self, row: SpanRow) -> None:
        self.calls += 1
        if row.usage_anomaly is not None and None in {row.input_tokens, row.output_tokens}:
            self.unbelieved["usage"] += 1
        if row.cost_source == UNPRICED:
            self.unpriced[row.response_model or row.request_model or "(no model)"] += 1
        stated = as_decimal(row.attributes.get(semconv.COST_STATED))
        if stated is not None and row.cost_usd is not None:
            self.stated_calls += 1
            self.stated_usd += stated
            self.priced_usd += row.cost_usd

    def as_dict(self) -> dict[str, object]:
        """Return the report for scripts; money as decimal."""
        return {
            "dry_run": self.is_dry_run,
            "lost": self.is_lossy,
            "files": self.files,
            "records": self.records,
            "empty": self.empty,
            "spans": self.spans,
            "calls": self.calls,
            "usage_rows": self.usage_rows,
            "stored": self.stored,
            "duplicates": self.duplicates,
            "dead_letters": self.dead_letters,
            "waiting": self.waiting,
            "problem": self.problem,
            "skipped": [
                {"reason": reason, "count": count, "first": self.examples.get(reason, [])}
                for reason, count in self.skipped.most_common()
            ],
            "cut": dict(self.cut),
            "not_believed": dict(self.unbelieved),
            "kept_as_attributes": dict(self.kept.most_common()),
            "unpriced_calls": self.unpriced.total(),
            "unpriced_models": dict(self.unpriced.most_common()),
            "doubtful_calls": self.doubtful,
            "stated": {
                "calls": self.stated_calls,
                "stated_usd": self.stated_usd,
                "priced_usd": self.priced_usd,
            },
        }

    def as_text(self) -> str:
        """Return the report for people."""
        return "\n".join([*self._totals(), *self._losses(), *self._remarks()])

    def _totals(self) -> list[str]:
        made = f"{self.spans:,} spans ({self.calls:,} calls"
        made += (
            f", {self.usage_rows:,} rows of usage reports, in no sum)" if self.usage_rows else ")"
        )
        lines = [f"read: {self.records:,} records of {self.files:,} files → {made}"]
        if self.empty:
            lines.append(f"empty: {self.empty:,} rows say nothing")
        if self.is_dry_run:
            return [*lines, "dry run: nothing was stored"]
        if self.stored is not None:
            lines.append(f"stored: {self.stored:,}; duplicates: {self.duplicates or 0:,}")
        if self.waiting:
            lines.append(
                f"waiting: {self.waiting:,} spans are on the disk and will be stored by the next "
                "command that reads the store, or the collector"
            )
        return lines

    def _losses(self) -> list[str]:
        lines: list[str] = []
        for reason, count in self.skipped.most_common():
            lines.append(f"skipped: {count:,} – {reason}")
            lines += [f"  {example}" for example in self.examples.get(reason, [])]
        if self.dead_letters:
            lines.append(
                f"dead letters: {self.dead_letters:,} spans; see `llmtrace deadletter list`"
            )
        lines += [f"cut: {_listed(self.cut)}"] if self.cut else []
        lines += [f"not believed, now unknown: {_listed(self.unbelieved)}"] * bool(self.unbelieved)
        return lines

    def _remarks(self) -> list[str]:
        lines: list[str] = []
        if self.kept:
            lines.append(f"without a column, kept as attributes: {_listed(self.kept, 12)}")
        if self.doubtful:
            lines.append(f"counts that do not add up: {self.doubtful:,} calls (usage_anomaly)")
        if self.unpriced:
            lines.append(f"unpriced: {self.unpriced.total():,} calls: {_listed(self.unpriced, 8)}")
        if self.stated_calls:
            lines.append(
                f"cost: {self.priced_usd:.6f} USD by our prices, {self.stated_usd:.6f} as the "
                f"files state it, of {self.stated_calls:,} calls"
            )
        return lines


def _listed(counts: Counter[str], most: int = 20) -> str:
    shown = [f"{name} {count:,}" for name, count in counts.most_common(most)]
    more = len(counts) - len(shown)
    return ", ".join([*shown, f"{more:,} more"] if more else shown)
