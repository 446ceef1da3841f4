"""Rule files → ``RuleBook``. Every problem of every file is found before anything is refused.

Text → values with lines (``document``) → shape (``schema``) → sense (``checks``) → records
(here). Reads files; reads no environment and no secret.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from llmtrace.alerts import checks
from llmtrace.alerts.document import MAX_BYTES, Problem, parse, without_comments
from llmtrace.alerts.model import (
    METRICS,
    AlertRule,
    Budget,
    BudgetShare,
    Filter,
    Receiver,
    RuleBook,
    ScheduledReport,
    SecretRef,
    Threshold,
)
from llmtrace.alerts.schema import schema_problems
from llmtrace.alerts.source import (
    DEFAULT_MIN_REQUESTS,
    DEFAULTS,
    Source,
    duration,
    number,
)
from llmtrace.errors import RuleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llmtrace.alerts.model import Comparator, NoData, Period, Severity
    from llmtrace.alerts.source import Fields


DEFAULT_AT: Final = "06:00"
"""When a report is sent if the file does not say: calls of the last minute are stored by then."""
TEST_SUFFIXES: Final = ("_test.yaml", "_test.yml")


def load_rules(path: Path) -> RuleBook:
    """Read the rule file ``path``, or every ``*.yaml`` and ``*.yml`` in the folder ``path``.

    Rule tests (``*_test.yaml``) may lie beside the rules; they are left out.
    Raises RuleError with all problems of all files, each as ``file:line: text``.
    """
    return read_rules({str(file): read_text(file) for file in _files(path)})


def read_rules(texts: Mapping[str, str]) -> RuleBook:
    """Check and build rules from ``texts``, file name → YAML.

    Raises RuleError with all problems of all files, each as ``file:line: text``.
    """
    sources: list[Source] = []
    problems: list[str] = []
    for name, text in texts.items():
        document = parse(text)
        found = list(document.problems)
        if document.value is not None or not found:
            found += schema_problems(document)
        problems += named_problems(name, found)
        if not found:
            sources.append(Source(name=name, document=document))
    # What one file means may be defined in another: look only once all of them can be read.
    for source in sources:
        everything = sources if len(sources) == len(texts) else None
        problems += named_problems(source.name, checks.problems_of(source, everything))
    if problems:
        raise RuleError(problems)
    return replace(
        _book(sources),
        texts={Path(name).name: without_comments(text) for name, text in texts.items()},
    )


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(
            file
            for file in path.iterdir()
            if file.suffix in {".yaml", ".yml"} and not file.name.endswith(TEST_SUFFIXES)
        )
        if not found:
            raise RuleError([f"{path}:1: the folder holds no *.yaml file; put a rule file there"])
        return found
    return [path]


def read_text(path: Path) -> str:
    """Return the text of a file, at most a little more than allowed.

    Raises RuleError if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            # One byte more than allowed is enough to see that it is too large.
            return file.read(MAX_BYTES + 1).decode("utf-8")
    except UnicodeDecodeError:
        raise RuleError([f"{path}:1: the file is not UTF-8 text; save it as UTF-8"]) from None
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise RuleError([f"{path}:1: {reason}; give the path of a rule file or folder"]) from error


def named_problems(name: str, problems: Sequence[Problem]) -> list[str]:
    """Return ``problems`` as ``name:line: text``, in line order."""
    ordered = sorted(problems, key=lambda problem: problem.line)
    return [f"{name}:{problem.line}: {problem.text}" for problem in ordered]


def _book(sources: Sequence[Source]) -> RuleBook:
    budgets: dict[str, Budget] = {}
    receivers: dict[str, Receiver] = {}
    for source in sources:
        timezone = str(source.fields.get("timezone", "UTC"))
        for fields in _list(source.fields, "budgets"):
            budgets[str(fields["id"])] = _budget(fields, timezone)
        for name, fields in _mapping(source.fields, "receivers").items():
            receivers[name] = _receiver(name, cast("Fields", fields))
    rules: list[AlertRule] = []
    disabled: list[str] = []
    for source in sources:
        defaults = DEFAULTS | _mapping(source.fields, "defaults")
        for fields in _list(source.fields, "rules"):
            if fields.get("enabled") is False:
                disabled.append(str(fields["id"]))
                continue
            rules.append(_rule(fields, defaults, budgets, tuple(receivers)))
    reports = [report for source in sources for report in _reports(source, tuple(receivers))]
    off = [str(fields["id"]) for source in sources for fields in _switched_off(source)]
    return RuleBook(
        rules=tuple(rules),
        receivers=receivers,
        disabled=(*disabled, *off),
        reports=tuple(reports),
        budgets=tuple(budgets.values()),
    )


def _reports(source: Source, receivers: tuple[str, ...]) -> Iterator[ScheduledReport]:
    defaults = _mapping(source.fields, "defaults")
    for fields in _list(source.fields, "reports"):
        if fields.get("enabled") is False:
            continue
        settings = defaults | fields
        yield ScheduledReport(
            id=str(fields["id"]),
            every=cast("Period", fields["every"]),
            at=time.fromisoformat(str(fields.get("at", DEFAULT_AT))),
            timezone=str(source.fields.get("timezone", "UTC")),
            by=str(fields.get("by", "model")),
            title=_optional(fields, "title"),
            filter=_filters(fields),
            notify=_texts(settings["notify"]) if "notify" in settings else receivers,
        )


def _switched_off(source: Source) -> list[Fields]:
    return [item for item in _list(source.fields, "reports") if item.get("enabled") is False]


def _rule(
    fields: Fields,
    defaults: Fields,
    budgets: Mapping[str, Budget],
    receivers: tuple[str, ...],
) -> AlertRule:
    settings = defaults | fields
    when = _when(cast("Fields", fields["when"]), budgets)
    is_sampled = isinstance(when, Threshold) and METRICS[when.metric].is_sampled
    min_requests = fields.get("min_requests")
    if min_requests is None:
        guard = defaults.get("min_requests", DEFAULT_MIN_REQUESTS)
        min_requests = guard if is_sampled else 0
    budget = when.budget if isinstance(when, BudgetShare) else None
    rule_id = str(fields["id"])
    return AlertRule(
        id=rule_id,
        title=str(fields.get("title", rule_id.replace("-", " ").replace("_", " ").capitalize())),
        severity=cast("Severity", fields["severity"]),
        when=when,
        every=duration(str(settings["every"])),
        delay=duration(str(settings["delay"])),
        hold=duration(str(settings["for"])),
        keep_firing_for=duration(str(settings["keep_firing_for"])),
        min_requests=cast("int", min_requests),
        no_data=cast("NoData", settings["no_data"]),
        by=budget.by if budget else _texts(fields.get("by")),
        filter=budget.filter if budget else _filters(fields),
        labels=tuple(sorted((k, str(v)) for k, v in _mapping(fields, "labels").items())),
        summary=_optional(fields, "summary"),
        description=_optional(fields, "description"),
        runbook=_optional(fields, "runbook"),
        # Without a list everyone is told: an alert that nobody hears is the worse mistake.
        notify=_texts(settings["notify"]) if "notify" in settings else receivers,
    )


def _when(fields: Fields, budgets: Mapping[str, Budget]) -> Threshold | BudgetShare:
    op = cast("Comparator", fields["op"])
    if fields.get("kind") == "budget":
        percent = Decimal(str(fields["percent"]))
        return BudgetShare(budget=budgets[str(fields["budget"])], op=op, percent=percent)
    resolve_at = fields.get("resolve_at")
    return Threshold(
        metric=str(fields["metric"]),
        window=duration(str(fields["window"])),
        op=op,
        value=number(fields["value"]),
        resolve_at=None if resolve_at is None else number(resolve_at),
    )


def _budget(fields: Fields, timezone: str) -> Budget:
    return Budget(
        id=str(fields["id"]),
        period=cast("Period", fields["period"]),
        amount_usd=Decimal(str(fields["amount"])),
        timezone=timezone,
        by=_texts(fields.get("by")),
        filter=_filters(fields),
    )


def _receiver(name: str, fields: Fields) -> Receiver:
    url = fields.get("url")
    kind = str(fields["type"])
    return Receiver(
        id=name,
        type="slack" if kind == "slack" else "file" if kind == "file" else "log",
        url=None if url is None else _secret_ref(str(url)),
        path=_optional(fields, "path"),
        send_resolved=fields.get("send_resolved") is not False,
    )


def _secret_ref(text: str) -> SecretRef:
    kind, _, name = text[2:-1].partition(":")
    return SecretRef(kind="env" if kind == "env" else "file", name=name)


def _filters(fields: Fields) -> tuple[Filter, ...]:
    given = _mapping(fields, "filter")
    return tuple(
        Filter(
            dimension=dimension,
            values=(values,) if isinstance(values, str) else _texts(values),
        )
        for dimension, values in sorted(given.items())
    )


def _list(fields: Fields, name: str) -> list[Fields]:
    return cast("list[Fields]", fields.get(name, []))


def _mapping(fields: Fields, name: str) -> Fields:
    return cast("Fields", fields.get(name, {}))


def _texts(values: object) -> tuple[str, ...]:
    return tuple(cast("list[str]", values or []))


def _optional(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else str(value)
