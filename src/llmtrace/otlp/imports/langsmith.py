"""LangSmith's runs: of its API and SDK (``client.list_runs``), its CSV and bulk export (Parquet).

A run becomes the span that LangSmith's own exporter would have sent. Only ``llm`` and ``embedding``
runs are calls; chains repeat the sums of what is below them. ``session_id`` is LangSmith's project,
not a conversation. Fields: docs.langchain.com/langsmith/run-data-format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv
from llmtrace.otlp.encode import FinishedSpan
from llmtrace.otlp.imports.fields import Fields, UnreadableError, as_text, flattened, read_json
from llmtrace.otlp.imports.records import (
    Format,
    Imported,
    Record,
    span_id,
    stated_cost,
    token_attributes,
    trace_id,
    wait_attributes,
    whole,
)
from llmtrace.usage import read_usage
from llmtrace.usage.counts import as_list, as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.records import TokenUsage

NAME: Final = "langsmith"
_OF_RUNS: Final = frozenset({"id", "run_type", "start_time"})
_CONVERSATION: Final = ("session_id", "thread_id", "conversation_id")
_TOKENS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


def knows(names: frozenset[str]) -> bool:
    """Say whether a record is a run."""
    return names >= _OF_RUNS


def read(record: Record) -> Imported:
    """Read a run of any type."""
    fields = Fields(record)
    identity = fields.text("id")
    start = fields.time_ns("start_time")
    if identity is None or start is None:
        raise UnreadableError("no id or no start time")
    end, first = fields.time_ns("end_time"), fields.time_ns("first_token_time")
    error = fields.text("error") or ""
    failed = bool(error) or fields.text("status") == "error"
    service = fields.text("session_name")
    trace = fields.text("trace_id") or _root(fields) or identity
    span = FinishedSpan(
        trace_id=trace_id(NAME, trace),
        span_id=span_id(NAME, identity, is_langsmith=True),
        parent_span_id=_parent(fields),
        name=fields.text("name") or "",
        kind="internal",
        start_unix_ns=start,
        end_unix_ns=end or 0,
        attributes={
            f"{NAME}.span.kind": (fields.text("run_type") or "").lower(),
            **_extra(fields),
            **_content_and_tokens(fields),
            **wait_attributes(start, first),
            **stated_cost(fields.take("total_cost")),
            **fields.rest(NAME),
        },
        status="error" if failed else "unset",
        status_message=error,
    )
    return Imported(span=span, resource={semconv.SERVICE_NAME: service} if service else {})


def _parent(fields: Fields) -> int | None:
    parent = fields.text("parent_run_id")
    above = as_list(fields.json("parent_run_ids"))
    if parent is None and above:
        parent = as_text(above[-1])
    return span_id(NAME, parent, is_langsmith=True) if parent else None


def _root(fields: Fields) -> str | None:
    """Return the id of the outermost run: ``<time>Z<id>.<time>Z<id>``."""
    order = fields.text("dotted_order")
    fields.put("dotted_order", order)
    return None if order is None else order.partition(".")[0].rpartition("Z")[2] or None


def _extra(fields: Fields) -> dict[str, object]:
    extra = fields.mapping("extra")
    metadata = dict(as_mapping(extra.pop("metadata", None)))
    asked = as_mapping(extra.get("invocation_params"))
    told: dict[str, object] = {}
    model = asked.get("model") or asked.get("model_name")
    if isinstance(model, str) and not metadata.get("ls_model_name"):
        told[semconv.REQUEST_MODEL] = model
    conversation = next((metadata[n] for n in _CONVERSATION if metadata.get(n)), None)
    if conversation is not None:
        told[semconv.CONVERSATION_ID] = as_text(conversation)
    if metadata.get("user_id"):
        told[semconv.USER_ID] = as_text(metadata["user_id"])
    told |= flattened(metadata, f"{NAME}.metadata")
    return told | flattened(extra, f"{NAME}.extra")


def _content_and_tokens(fields: Fields) -> dict[str, object]:
    inputs, outputs = fields.json("inputs"), fields.json("outputs")
    answer = _Answer(as_mapping(outputs))
    told = token_attributes(answer.usage() or _usage(fields))
    if told:  # the same once more
        for name in (*_TOKENS, "prompt_token_details", "completion_token_details"):
            fields.take(name)
    if inputs:
        told[semconv.PROMPT_OLD] = as_text(inputs)
    if outputs:
        told[semconv.COMPLETION_OLD] = as_text(outputs)
    model = answer.model()
    return {**told, semconv.RESPONSE_MODEL: model} if model else told


def _usage(fields: Fields) -> TokenUsage | None:
    """Read the run's own columns, in which the input holds the cache and the output reasoning."""
    ends = {name: fields.number(name) for name in _TOKENS}
    raw = {name: number for name, number in ends.items() if number is not None}
    found = None
    if raw:
        given, made = (
            fields.mapping("prompt_token_details"),
            fields.mapping("completion_token_details"),
        )
        found = read_usage(
            semconv.API_FRAMEWORK,
            {
                "input_tokens": _plain(raw.get("prompt_tokens")),
                "output_tokens": _plain(raw.get("completion_tokens")),
                "total_tokens": _plain(raw.get("total_tokens")),
                "input_token_details": given,
                "output_token_details": made,
            },
        )
    return found


def _plain(number: object) -> object:
    """Return a Decimal as the JSON number that it was."""
    return None if number is None else float(str(number))


class _Answer:
    """What LangChain puts into the outputs of a model's run."""

    def __init__(self, outputs: Mapping[str, Any]) -> None:
        self._outputs = outputs
        inner: object = outputs.get("generations")
        while found := as_list(inner):
            inner = found[0]
        message = as_mapping(as_mapping(inner).get("message"))
        self._message = as_mapping(message.get("kwargs")) or message
        self._said = as_mapping(outputs.get("llm_output"))

    def usage(self) -> TokenUsage | None:
        """Read the most telling counts; None if there are none."""
        for raw in (
            self._outputs.get("usage_metadata"),
            self._message.get("usage_metadata"),
            self._said.get("token_usage"),
            self._outputs.get("usage"),
        ):
            found = read_usage(semconv.API_FRAMEWORK, read_json(raw)) if raw else None
            if found is not None:
                return found
        return None

    def model(self) -> str | None:
        """Return the model that answered, if it is told."""
        told = as_mapping(self._message.get("response_metadata"))
        names = (told.get("model_name"), told.get("model"), self._said.get("model_name"))
        return next(
            (n for n in (*names, self._outputs.get("model")) if isinstance(n, str) and n), None
        )


FORMAT: Final = Format(NAME, knows, whole, read)
