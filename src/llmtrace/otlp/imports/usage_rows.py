"""A row of a provider's usage or cost report → a span that enters no sum.

It stands for many calls: tokens and the provider's own cost are in the usual columns, how many
calls in an attribute, and its operation is none of inference. It is there to compare our totals
with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.encode import FinishedSpan
from llmtrace.otlp.imports.fields import Fields, UnreadableError, as_text, shown
from llmtrace.otlp.imports.records import Imported, digest, span_id, trace_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

_DAY_NS: Final = 86_400 * 10**9
_MAX_COUNT: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """What a row says, whoever exported it."""

    provider: str
    start_ns: int
    end_ns: int
    kind: str
    """``completions``, ``costs``, …; part of the name."""
    model: str | None
    counts: Mapping[str, int]
    """By attribute name."""
    requests: int | None = None
    cost_usd: Decimal | None = None
    same: tuple[str, ...] = ()
    """What makes it the same bucket as a row of another export."""
    attributes: Mapping[str, object] = field(default_factory=dict[str, object])


def count(fields: Fields, *names: str) -> int | None:
    """Take a count; None if the row has none. Raises UnreadableError for what is none.

    Unlike a call's, a row's counts must all be readable: half a sum compares with nothing.
    """
    for name in names:
        if name not in fields.names():
            continue
        number = fields.number(name)
        if number is None or number < 0 or number != number.to_integral_value():
            said = fields.take(name) if number is None else str(number)
            raise UnreadableError(f"{name} is no count", f"{name} {shown(said)} is no count")
        if number > _MAX_COUNT:
            raise UnreadableError(f"{name} is no count", f"{name} is beyond 64 bits")
        return int(number)
    return None


def money(fields: Fields, *names: str) -> Decimal | None:
    """Take an amount; None if the row has none. Raises UnreadableError for what is none."""
    for name in names:
        if name in fields.names():
            number = fields.number(name)
            if number is None:
                said = shown(fields.take(name))
                raise UnreadableError(f"{name} is no amount", f"{name} {said} is no amount")
            return number
    return None


def identity(fields: Fields, names: tuple[str, ...]) -> tuple[str, ...]:
    """Take what names a bucket, and give it back: it stays among the attributes."""
    told: list[str] = []
    for name in names:
        value = fields.take(name)
        fields.put(name, value)
        told.append("" if value is None else as_text(value))
    return tuple(told)


def imported(form: str, row: UsageRow) -> Imported:
    """Return the span of a row. The same row is the same span, whenever it is imported."""
    told: dict[str, object] = {
        semconv.OPERATION_NAME: semconv.OP_USAGE_REPORT,
        semconv.PROVIDER_NAME: row.provider,
        semconv.REPORT_KEY: digest(form, row.kind, str(row.start_ns), str(row.end_ns), *row.same),
        **row.counts,
    }
    if row.model:
        told[semconv.REQUEST_MODEL] = row.model
    if row.requests is not None:
        told[semconv.REPORT_REQUESTS] = row.requests
    if row.cost_usd is not None:
        told |= {semconv.COST_TOTAL: float(row.cost_usd), semconv.COST_SOURCE: "provider"}
    whole = digest(form, as_text({**told, **row.attributes}))
    day = str(row.start_ns // _DAY_NS)
    span = FinishedSpan(
        trace_id=trace_id(form, f"{row.kind}:{day}"),
        span_id=span_id(form, f"{row.kind}:{day}:{whole}"),
        parent_span_id=None,
        name=f"{row.provider} {row.kind} report",
        kind="internal",
        start_unix_ns=row.start_ns,
        end_unix_ns=row.end_ns,
        attributes={**told, **row.attributes},
    )
    return Imported(span=span)
