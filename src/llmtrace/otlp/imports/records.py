"""What a reader makes of a record: a span and the resource it belongs to, with ids that repeat.

An id that is OpenTelemetry's already stays, so that a span which also came live is the same span;
any other becomes a hash, the same one at every import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from llmtrace import semconv
from llmtrace.otlp.dialects.tokens import told_counts
from llmtrace.usage.counts import as_decimal

if TYPE_CHECKING:
    from decimal import Decimal

    from llmtrace.otlp.encode import FinishedSpan
    from llmtrace.records import TokenUsage

Record = Mapping[str, Any]

_TRACE: Final = re.compile(r"[0-9a-f]{32}")
_SPAN: Final = re.compile(r"[0-9a-f]{16}")
_MAX_NS: Final = 2**63 - 1
_MAX_USD: Final = 1_000_000
_RANDOM: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A span made of a record."""

    span: FinishedSpan
    resource: Mapping[str, str] = field(default_factory=dict[str, str])


class Format(NamedTuple):
    """A tool's export, and how it is read. All functions are pure."""

    name: str
    knows: Callable[[frozenset[str]], bool]
    """Says by the names of its fields (snake case) whether a record is of this format."""
    parts: Callable[[Record], Iterable[Record]]
    """Takes a record that holds several apart."""
    read: Callable[[Record], Imported | None]
    """Makes the span; None if the record says nothing. Raises UnreadableError."""


def whole(record: Record) -> Iterable[Record]:
    """Return the record as the only one, for formats whose records hold no others."""
    return (record,)


def trace_id(form: str, said: str) -> int:
    """Return the trace id that a tool's id stands for; never 0."""
    text = said.replace("-", "").lower()
    if _TRACE.fullmatch(text) and int(text, 16):
        return int(text, 16)
    return _hashed(f"{form}:trace:{said}", 16)


def span_id(form: str, said: str, *, is_langsmith: bool = False) -> int:
    """Return the span id that a tool's id stands for; never 0.

    LangSmith's own exporter sends the first half of a run's UUID. That is only done here for
    random ones (version 4): others begin with a time, and their halves repeat.
    """
    if _SPAN.fullmatch(said.lower()) and int(said, 16):
        return int(said, 16)
    if is_langsmith:
        try:
            found = UUID(said)
        except ValueError:
            found = None
        if found is not None and found.version == _RANDOM:
            return int.from_bytes(found.bytes[:8], "big")
    return _hashed(f"{form}:span:{said}", 8)


def digest(form: str, *parts: str) -> str:
    """Return a short text that is the same for the same parts."""
    return blake2b(
        "\x1f".join((form, *parts)).encode("utf-8", "replace"), digest_size=8
    ).hexdigest()


def token_attributes(usage: TokenUsage | None) -> dict[str, object]:
    """Return counts by the conventions' names; nothing for a record that tells none."""
    if usage is None:
        return {}
    counts: dict[str, object] = dict(told_counts(usage))
    counts[semconv.USAGE_INPUT_TOKENS] = usage.input_tokens
    counts[semconv.USAGE_OUTPUT_TOKENS] = usage.output_tokens
    counts |= {semconv.USAGE_REQUESTS_PREFIX + kind: n for kind, n in usage.requests.items()}
    counts |= {semconv.USAGE_UNITS_PREFIX + kind: float(n) for kind, n in usage.units.items()}
    if usage.anomaly:
        counts[semconv.USAGE_ANOMALY] = usage.anomaly
    return counts


def stated_cost(value: object) -> dict[str, object]:
    """Return the cost in USD that a tool claims as an attribute; nothing for what is none."""
    amount = as_decimal(value)
    if amount is None or not 0 <= amount < _MAX_USD:
        return {}
    return {semconv.COST_STATED: float(amount)}


def wait_attributes(start_ns: int, first_ns: int | None) -> dict[str, object]:
    """Return the time to the first chunk, of an answer that was streamed."""
    if first_ns is None or first_ns < start_ns:
        return {}
    return {
        semconv.RESPONSE_TIME_TO_FIRST_CHUNK: (first_ns - start_ns) / 1e9,
        semconv.REQUEST_STREAM: True,
    }


def end_after(start_ns: int, length: Decimal | None, unit_ns: int) -> int:
    """Return when something ended that took so many units; 0 (unknown) for what cannot be."""
    if length is None or not 0 <= length <= _MAX_NS:
        return 0
    end = start_ns + int(length * unit_ns)
    return end if end <= _MAX_NS else 0


def _hashed(text: str, size: int) -> int:
    value = blake2b(text.encode("utf-8", "replace"), digest_size=size).digest()
    return int.from_bytes(value, "big") or 1
