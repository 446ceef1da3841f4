"""What is told about an alert, before any receiver's format: facts, and their wording.

A ``Notification`` is kept as JSON in the outbox and rendered when it is sent. It holds figures,
labels and the words of the rule file; never the text of a prompt or an answer, never a secret.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from llmtrace.alerts.checks import PLACEHOLDER
from llmtrace.alerts.model import Threshold

if TYPE_CHECKING:
    from llmtrace.alerts.model import AlertRule, Labels, Severity, Unit
    from llmtrace.alerts.step import Event, Instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message: an alert fires, or it is resolved. Times are aware UTC."""

    kind: Literal["firing", "resolved"]
    reason: str
    rule_id: str
    title: str
    severity: Severity
    summary: str
    description: str | None
    runbook: str | None
    value: str
    """With its unit, for people."""
    threshold: str
    """With operator and unit, as ``> 5 %``."""
    window: str
    """What the value covers, in words."""
    labels: Labels
    """Dimensions that the alert is about; values come from spans."""
    extra_labels: Labels
    """Fixed labels of the rule."""
    details: Labels
    """More figures: name and text."""
    fired_at: datetime
    tick: datetime
    window_start: datetime
    episode: str

    def to_json(self) -> str:
        """Return the JSON that ``from_json`` reads."""
        fields = asdict(self)
        for name in _TIMES:
            fields[name] = fields[name].isoformat()
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Notification:
        """Read what ``to_json`` wrote."""
        fields = cast("dict[str, Any]", json.loads(text))
        for name in _TIMES:
            fields[name] = datetime.fromisoformat(fields[name])
        for name in ("labels", "extra_labels", "details"):
            fields[name] = tuple((key, value) for key, value in fields[name])
        return Notification(**fields)


_TIMES: Final = ("fired_at", "tick", "window_start")


def notification(
    event: Event, rule: AlertRule, *, window_start: datetime, details: Labels = ()
) -> Notification:
    """Word a ``firing`` or ``resolved`` event."""
    instance = event.instance
    return Notification(
        kind="firing" if event.kind == "firing" else "resolved",
        reason=event.reason,
        rule_id=rule.id,
        title=rule.title,
        severity=rule.severity,
        summary=summary(instance, rule),
        description=rule.description,
        runbook=rule.runbook,
        value=format_value(instance.value, rule.unit),
        threshold=f"{rule.when.op} {format_value(instance.threshold, rule.unit)}",
        window=_window(event, rule),
        labels=instance.labels,
        extra_labels=rule.labels,
        details=details,
        fired_at=instance.fired_at or event.tick,
        tick=event.tick,
        window_start=window_start,
        episode=instance.episode,
    )


def summary(instance: Instance, rule: AlertRule) -> str:
    """Return one line about an alert: the rule's own words, or plain ones."""
    words = {
        "labels": ", ".join(f"{name} {plain(value)}" for name, value in instance.labels),
        "threshold": format_value(instance.threshold, rule.unit),
        "title": rule.title,
        "value": format_value(instance.value, rule.unit),
        "window": _span(rule),
    }
    text = rule.summary or _default_summary(rule)
    # One pass: a label value that looks like a placeholder stays what it is.
    told = PLACEHOLDER.sub(lambda match: words[match[1]], text)
    is_named = "{labels}" in text or not words["labels"]
    return told if is_named else f"{told} · {words['labels']}"


def _default_summary(rule: AlertRule) -> str:
    if isinstance(rule.when, Threshold):
        metric = rule.when.metric.replace("_", " ")
        return f"{metric.capitalize()} {{value}} ({rule.when.op} {{threshold}}) over {{window}}"
    share, budget = rule.when, rule.when.budget
    amount = format_value(budget.amount_usd, "usd")
    return f"Spent {{value}} this {budget.period}, {share.op} {share.percent:f} % of {amount}"


def _window(event: Event, rule: AlertRule) -> str:
    end = f"{event.tick:%Y-%m-%d %H:%M} UTC"
    if isinstance(rule.when, Threshold):
        return f"{_span(rule)} to {end}"
    return f"{_span(rule)} from {event.instance.period} ({rule.when.budget.timezone})"


def _span(rule: AlertRule) -> str:
    if isinstance(rule.when, Threshold):
        return format_duration(rule.when.window)
    return rule.when.budget.period


def format_duration(span: timedelta) -> str:
    """Return a duration with its largest exact unit: ``5 min``, ``90 s``, ``1 d``."""
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def format_value(value: Decimal | None, unit: Unit) -> str:
    """Return ``value`` with its unit, rounded for people; None is ``no data``."""
    if value is None:
        return "no data"
    match unit:
        case "ratio":
            return f"{_rounded(value * 100, 1)} %"
        case "seconds":
            return (
                f"{_rounded(value * 1000, 0)} ms" if abs(value) < 1 else f"{_rounded(value, 1)} s"
            )
        case "usd":
            # Cents, unless that would show a small amount as zero.
            return f"${_rounded(value, 2 if abs(value) >= 1 or value == 0 else 4)}"
        case "count":
            return _rounded(value, 0 if value == value.to_integral_value() else 1)


def _rounded(value: Decimal, places: int) -> str:
    exponent = Decimal(1).scaleb(-places)
    text = f"{value.quantize(exponent, ROUND_HALF_UP):,f}"
    # 5.0 % reads as 5 %; money keeps its cents.
    return text.removesuffix(".0") if places == 1 else text


def plain(text: str) -> str:
    """Return ``text`` without what could disturb a message: line breaks, controls, bidi marks."""
    spaced = (" " if character.isspace() else character for character in text)
    return "".join(item for item in spaced if unicodedata.category(item) not in _HIDDEN)


_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
