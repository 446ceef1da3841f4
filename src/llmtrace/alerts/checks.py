"""What a schema cannot see: do the fields of a rule make sense together, do its names exist?

Works on values that have passed the schema. Finds everything, stops at nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast
from zoneinfo import ZoneInfo

from llmtrace.alerts.document import Problem, shown
from llmtrace.alerts.model import EVALUATOR_ID, METRICS
from llmtrace.alerts.schema import near
from llmtrace.alerts.source import DEFAULTS, duration, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmtrace.alerts.document import Path
    from llmtrace.alerts.source import Fields, Source

PLACEHOLDERS: Final = ("labels", "threshold", "title", "value", "window")
"""What a summary may name in braces."""
PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")

Found = tuple["Path", str]


def problems_of(source: Source, everything: Sequence[Source] | None) -> list[Problem]:
    """Return what is wrong in ``source``.

    ``everything`` holds all files, so that names of other files are known; None when one of them
    could not be read, and then nothing is said about names.
    """
    found = [*_timezone(source), *_budgets(source), *_rules(source)]
    if everything is not None:
        found += [
            *_unknown_names(source, everything),
            *_repeated_ids(source, everything),
        ]
    return [Problem(line=source.document.line(path), text=text) for path, text in found]


def _timezone(source: Source) -> Iterator[Found]:
    name = source.fields.get("timezone")
    if name is None:
        return
    try:
        ZoneInfo(str(name))
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError, see below
        yield ("timezone",), _no_zone(name)
    except KeyError:
        yield ("timezone",), _no_zone(name)


def _no_zone(name: object) -> str:
    return f"timezone {shown(name)} does not exist; write an IANA name such as Europe/Berlin"


def _budgets(source: Source) -> Iterator[Found]:
    for index, budget in enumerate(_items(source.fields, "budgets")):
        for dimension in cast("list[str]", budget.get("by", [])):
            if dimension == "error_type":
                path = ("budgets", index, "by")
                yield (
                    path,
                    'a budget cannot be by "error_type": an error has no budget; remove it',
                )


def _rules(source: Source) -> Iterator[Found]:
    defaults = DEFAULTS | cast("Fields", source.fields.get("defaults", {}))
    for index, rule in enumerate(_items(source.fields, "rules")):
        path: Path = ("rules", index)
        when = cast("Fields", rule["when"])
        yield from _summary(rule, path)
        if when.get("kind") == "budget":
            yield from _budget_rule(rule, path)
            continue
        yield from _values(when, (*path, "when"))
        yield from _times(rule, defaults | rule, path)
        if rule["id"] == EVALUATOR_ID:
            yield (*path, "id"), f'rule id "{EVALUATOR_ID}" is built in; choose another'
        if (defaults | rule)["no_data"] == "alert" and rule.get("by"):
            at = (*path, "no_data") if "no_data" in rule else path
            text = "no_data: alert needs a rule without by: a value never seen cannot be missed"
            yield at, text


def _summary(rule: Fields, path: Path) -> Iterator[Found]:
    for name in PLACEHOLDER.findall(str(rule.get("summary", ""))):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{item}}}" for item in PLACEHOLDERS)
            hint = near(name, PLACEHOLDERS) or f"; known: {known}"
            yield (*path, "summary"), f"summary names {{{shown(name)[1:-1]}}}{hint}"


def _budget_rule(rule: Fields, path: Path) -> Iterator[Found]:
    for field in ("by", "filter"):
        if field in rule:
            yield (
                (*path, field),
                f'"{field}" of a budget rule belongs to its budget; move it there',
            )
    if "min_requests" in rule:
        yield (
            (*path, "min_requests"),
            '"min_requests" means nothing for a budget; remove it',
        )
    if rule.get("no_data", "ok") != "ok":
        yield (
            (*path, "no_data"),
            '"no_data" of a budget rule is always ok: no calls cost nothing',
        )


_UNITS: Final = {
    "ratio": (("%",), "a share such as 5%, or a number from 0 to 1"),
    "seconds": (("ms", "s", "m"), "a time such as 800ms, 10s or 2m"),
    "usd": ((), "US dollars as a plain number"),
    "count": ((), "a plain number"),
}


def _values(when: Fields, path: Path) -> Iterator[Found]:
    metric = str(when["metric"])
    suffixes, wanted = _UNITS[METRICS[metric].unit]
    for field in ("value", "resolve_at"):
        value = when.get(field)
        if value is None:
            continue
        if isinstance(value, str):
            is_right = value.lstrip("-0123456789.") in suffixes
        else:
            # A bare number of seconds is refused: 800 is what someone writes who thinks in ms.
            is_right = metric not in _TIMES and (not suffixes or 0 <= number(value) <= 1)
        if not is_right:
            yield (
                (*path, field),
                f"{field} {shown(value)} does not suit {metric}; write {wanted}",
            )
            return
    if "resolve_at" in when:
        yield from _resolve_at(when, path)


_TIMES: Final = frozenset(name for name, metric in METRICS.items() if metric.unit == "seconds")


def _resolve_at(when: Fields, path: Path) -> Iterator[Found]:
    value, resolve_at = number(when["value"]), number(when["resolve_at"])
    op = str(when["op"])
    if (resolve_at > value) if op.startswith(">") else (resolve_at < value):
        side = "at or below" if op.startswith(">") else "at or above"
        text = f"resolve_at {shown(when['resolve_at'])} must be {side} value {shown(when['value'])}"
        yield (
            (*path, "resolve_at"),
            f"{text} for {op}, or the alert could never calm down",
        )


def _times(rule: Fields, settings: Fields, path: Path) -> Iterator[Found]:
    when = cast("Fields", rule["when"])
    window = duration(str(when["window"]))
    every = duration(str(settings["every"]))
    delay = duration(str(settings["delay"]))
    if window % every:
        text = f"window {when['window']} is not a multiple of every {settings['every']}"
        yield (
            (*path, "when", "window"),
            f"{text}; calls would count in some ticks and not in others",
        )
    if delay >= window:
        text = f"delay {settings['delay']} is not below window {when['window']}"
        yield (*path, "when", "window"), f"{text}; make the window longer"


def _unknown_names(source: Source, everything: Sequence[Source]) -> Iterator[Found]:
    budgets = {str(item["id"]) for other in everything for item in _items(other.fields, "budgets")}
    receivers = {name for other in everything for name in _receivers(other)}
    defaults = cast("Fields", source.fields.get("defaults", {}))
    yield from _notify(defaults, ("defaults",), receivers)
    for index, rule in enumerate(_items(source.fields, "rules")):
        yield from _notify(rule, ("rules", index), receivers)
        name = cast("Fields", rule["when"]).get("budget")
        if name is not None and name not in budgets:
            hint = near(name, budgets) or f"; budgets: {', '.join(sorted(budgets)) or 'none'}"
            yield (
                ("rules", index, "when", "budget"),
                f"no budget is called {shown(name)}{hint}",
            )
    for index, report in enumerate(_items(source.fields, "reports")):
        yield from _notify(report, ("reports", index), receivers)


def _notify(fields: Fields, path: Path, receivers: set[str]) -> Iterator[Found]:
    for index, name in enumerate(cast("list[str]", fields.get("notify", []))):
        if name not in receivers:
            hint = near(name, receivers) or f"; receivers: {', '.join(sorted(receivers)) or 'none'}"
            yield (*path, "notify", index), f"no receiver is called {shown(name)}{hint}"


def _repeated_ids(source: Source, everything: Sequence[Source]) -> Iterator[Found]:
    """Yield every id that stands earlier too: in this file, or in a file before it."""
    seen: dict[tuple[str, str], str] = {}
    for other in everything:
        for kind, name, path in _ids(other):
            first = seen.get((kind, name))
            if first is not None and other is source:
                yield (
                    path,
                    f"{kind} id {shown(name)} is used twice, first in {first}; rename one",
                )
            seen.setdefault((kind, name), f"{other.name}:{other.document.line(path)}")


def _ids(source: Source) -> Iterator[tuple[str, str, Path]]:
    for index, rule in enumerate(_items(source.fields, "rules")):
        yield "rule", str(rule["id"]), ("rules", index, "id")
    for index, budget in enumerate(_items(source.fields, "budgets")):
        yield "budget", str(budget["id"]), ("budgets", index, "id")
    for index, report in enumerate(_items(source.fields, "reports")):
        yield "report", str(report["id"]), ("reports", index, "id")
    for name in _receivers(source):
        yield "receiver", name, ("receivers", name)


def _receivers(source: Source) -> list[str]:
    return list(cast("Fields", source.fields.get("receivers", {})))


def _items(fields: Fields, name: str) -> list[Fields]:
    return cast("list[Fields]", fields.get(name, []))
