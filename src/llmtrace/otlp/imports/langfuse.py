"""Langfuse's exports: observations and traces of its API, its pages and its blob storage.

An observation becomes the span that Langfuse's own SDK would have sent, and is read by the same
dialect. Fields: langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields and the
API's ``ObservationsView``; times without a zone are UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.encode import FinishedSpan
from llmtrace.otlp.imports.fields import Fields, UnreadableError, as_text, flattened, snake
from llmtrace.otlp.imports.records import (
    Format,
    Imported,
    Record,
    end_after,
    span_id,
    stated_cost,
    trace_id,
    wait_attributes,
)
from llmtrace.usage.counts import as_list, as_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME: Final = "langfuse"
_PREFIX: Final = "langfuse.observation."
_OF_OBSERVATIONS: Final = frozenset({"trace_id", "start_time", "type"})
_OF_TRACES: Final = frozenset({"id", "timestamp"})
_OF_SCORES: Final = frozenset({"trace_id", "value", "data_type"})
_OF_ITS_TRACE: Final = {
    "user_id": "langfuse.user.id",
    "session_id": "langfuse.session.id",
    "trace_name": "langfuse.trace.name",
    "tags": "langfuse.trace.tags",
}
_INHERITED: Final = ("userId", "sessionId", "tags", "environment", "release", "version")
_OLD_USAGE: Final = {
    "input": ("prompt_tokens", "input_tokens", "input_usage"),
    "output": ("completion_tokens", "output_tokens", "output_usage"),
    "total": ("total_tokens", "total_usage"),
}


def knows(names: frozenset[str]) -> bool:
    """Say whether a record is an observation, a trace or a score."""
    if names >= _OF_OBSERVATIONS:
        return True
    is_trace = names >= _OF_TRACES and bool(names & {"session_id", "user_id", "observations"})
    return is_trace or names >= _OF_SCORES


def parts(record: Record) -> Iterable[Record]:
    """Take a trace with its observations apart; they inherit what only the trace says."""
    found = [each for each in map(as_mapping, as_list(record.get("observations"))) if each]
    if not found:
        return (record,)
    inherited = {name: record[name] for name in _INHERITED if record.get(name)}
    inherited |= {"traceId": record.get("id"), "traceName": record.get("name")}
    return tuple({**inherited, **each} for each in found)


def read(record: Record) -> Imported:
    """Read an observation, or a trace as the step around what happened in it."""
    names = frozenset(map(snake, record))
    if "start_time" in names:
        return _observation(Fields(record))
    if names >= _OF_SCORES:
        raise UnreadableError("a score: llmtrace keeps calls and steps")
    if not names >= _OF_TRACES:
        raise UnreadableError("neither an observation nor a trace of Langfuse")
    return _trace(Fields(record))


def _observation(fields: Fields) -> Imported:
    identity, trace = fields.text("id"), fields.text("trace_id")
    if identity is None or trace is None:
        raise UnreadableError("no id")
    start = fields.time_ns("start_time")
    if start is None:
        raise UnreadableError("no start time")
    resource = _resource(fields)
    end, first = fields.time_ns("end_time"), fields.time_ns("completion_start_time")
    parent = fields.text("parent_observation_id")
    level = (fields.text("level") or "").upper()
    attributes: dict[str, object] = {
        f"{_PREFIX}type": (fields.text("type") or "span").lower(),
        **_said(fields),
        **_usage(fields),
        **_cost(fields),
        **wait_attributes(start, first),
    }
    if level not in {"", "DEFAULT"}:
        attributes[f"{_PREFIX}level"] = level
    message = fields.text("status_message") or ""
    span = FinishedSpan(
        trace_id=trace_id(NAME, trace),
        span_id=span_id(NAME, identity),
        parent_span_id=span_id(NAME, parent) if parent else None,
        name=fields.text("name") or "",
        kind="internal",
        start_unix_ns=start,
        end_unix_ns=end or 0,
        attributes={**attributes, **_of_its_trace(fields), **fields.rest(NAME)},
        status="error" if level == "ERROR" else "unset",
        status_message=message,
    )
    return Imported(span=span, resource=resource)


def _said(fields: Fields) -> dict[str, object]:
    model = fields.text("provided_model_name", "model")
    told = {
        f"{_PREFIX}model.name": model,
        f"{_PREFIX}model.parameters": fields.text("model_parameters"),
        f"{_PREFIX}input": fields.text("input"),
        f"{_PREFIX}output": fields.text("output"),
    }
    kept: dict[str, object] = {name: text for name, text in told.items() if text}
    return kept | flattened(fields.mapping("metadata"), f"{_PREFIX}metadata")


def _usage(fields: Fields) -> dict[str, object]:
    """Return the counts as Langfuse's SDK sends them; those of old versions put into that form."""
    details = {name: _counted(value) for name, value in fields.mapping("usage_details").items()}
    old = fields.mapping("usage")
    if not details:
        details = {name: _counted(old[name]) for name in _OLD_USAGE if old.get(name) is not None}
        if as_text(old.get("unit") or "TOKENS") != "TOKENS":
            fields.put("usage", old)
            return {}
    for name, theirs in _OLD_USAGE.items():
        number = fields.number(*theirs)
        if number is not None:
            details.setdefault(name, _counted(str(number)))
    return {f"{_PREFIX}usage_details": as_text(details)} if details else {}


def _counted(value: object) -> object:
    """Return a count as a number: 64-bit counts are texts in its JSON."""
    is_digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20
    return int(value) if is_digits and isinstance(value, str) else value


def _cost(fields: Fields) -> dict[str, object]:
    details = fields.mapping("cost_details")
    stated = fields.number("total_cost", "calculated_total_cost")
    kept = {f"{_PREFIX}cost_details": as_text(details)} if details else {}
    return {**kept, **stated_cost(details.get("total") if stated is None else stated)}


def _of_its_trace(fields: Fields) -> dict[str, object]:
    told = {ours: fields.text(theirs) for theirs, ours in _OF_ITS_TRACE.items()}
    return {name: text for name, text in told.items() if text}


def _trace(fields: Fields) -> Imported:
    identity, start = fields.text("id"), fields.time_ns("timestamp")
    if identity is None or start is None:
        raise UnreadableError("no id or no time")
    resource = _resource(fields)
    latency = fields.number("latency")
    said = {f"{_PREFIX}input": fields.text("input"), f"{_PREFIX}output": fields.text("output")}
    kept: dict[str, object] = {name: text for name, text in said.items() if text}
    span = FinishedSpan(
        trace_id=trace_id(NAME, identity),
        # Not that of any observation: a trace is none.
        span_id=span_id(NAME, f"trace:{identity}"),
        parent_span_id=None,
        name=fields.text("name") or "",
        kind="internal",
        start_unix_ns=start,
        end_unix_ns=end_after(start, latency, 10**9) or start,
        attributes={
            f"{_PREFIX}type": "span",
            **kept,
            **_of_its_trace(fields),
            **flattened(fields.mapping("metadata"), "langfuse.trace.metadata"),
            **stated_trace_cost(fields),
            **fields.rest(NAME),
        },
    )
    return Imported(span=span, resource=resource)


def stated_trace_cost(fields: Fields) -> dict[str, object]:
    """Return what a trace says its calls cost: a sum, so never by the name of a call's cost."""
    total = fields.number("total_cost")
    return {} if total is None else {"langfuse.trace.total_cost": float(total)}


def _resource(fields: Fields) -> dict[str, str]:
    environment = fields.text("environment")
    return {semconv.DEPLOYMENT_ENVIRONMENT: environment} if environment else {}


FORMAT: Final = Format(NAME, knows, parts, read)
