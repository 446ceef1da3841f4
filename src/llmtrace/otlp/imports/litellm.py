"""LiteLLM's logs: the standard logging payload (files, buckets), and rows of ``LiteLLM_SpendLogs``.

A record becomes the span that LiteLLM's OpenTelemetry callback would have sent. Its
``prompt_tokens`` hold what was read from and written to a cache. What LiteLLM says a call cost is
kept beside our own price. Fields: docs.litellm.ai/docs/proxy/logging_spec; times are seconds since
1970 in the payload, ISO 8601 in the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.dialects.content import as_messages
from llmtrace.otlp.encode import FinishedSpan
from llmtrace.otlp.imports.fields import Fields, UnreadableError, as_text, flattened
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
from llmtrace.usage.counts import as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "litellm"
_MESSAGE: Final = "litellm.error_information.error_message"
_OF_CALLS: Final = frozenset({"call_type", "start_time"})
_NOT_MODELS: Final = ("mcp", "list_", "health", "file", "batch")
_COLUMNS: Final = {
    "team_id": "metadata.user_api_key_team_id",
    "end_user": "metadata.user_api_key_end_user_id",
    "user": "metadata.user_api_key_user_id",
}


def knows(names: frozenset[str]) -> bool:
    """Say whether a record is a call that LiteLLM logged."""
    return names >= _OF_CALLS and bool(names & {"response_cost", "spend"})


def read(record: Record) -> Imported:
    """Read a payload or a row of the table."""
    fields = Fields(record)
    identity = fields.text("id", "request_id")
    start = fields.time_ns("start_time")
    if identity is None or start is None:
        raise UnreadableError("no id or no start time")
    end = fields.time_ns("end_time")
    metadata = fields.mapping("metadata")
    trace = fields.text("trace_id") or identity
    failure = _failure(fields, metadata)
    attributes: dict[str, object] = {
        "hidden_params": as_text(fields.json("hidden_params") or {}),
        semconv.RESPONSE_ID: identity,
        **_models(fields),
        **_tokens(fields, metadata),
        **_wait(fields, start),
        **_people(fields, metadata),
        **_content(fields),
        **stated_cost(fields.take("response_cost", "spend")),
        **failure,
    }
    attributes |= _operation(fields, is_counted=semconv.USAGE_INPUT_TOKENS in attributes)
    if (fields.text("cache_hit") or "").lower() == "true":
        attributes["metadata.cache_hit"] = "true"
    span = FinishedSpan(
        trace_id=trace_id(NAME, trace),
        span_id=span_id(NAME, identity),
        parent_span_id=None,
        name="litellm_request",
        kind="client",
        start_unix_ns=start,
        end_unix_ns=end or 0,
        attributes={**attributes, **fields.rest(NAME)},
        status="error" if failure else "unset",
        status_message=fields.text("error_str") or as_text(failure.get(_MESSAGE, "")),
    )
    return Imported(span=span)


def _operation(fields: Fields, *, is_counted: bool) -> dict[str, object]:
    """Return the kind of call; one that LiteLLM has no kind for counts if it has tokens."""
    kind = fields.text("call_type") or ""
    told: dict[str, object] = {"llm.request.type": kind}
    if "pass_through" in kind or "passthrough" in kind:
        is_call = is_counted and not kind.startswith(_NOT_MODELS)
        return told | ({semconv.OPERATION_NAME: semconv.OP_CHAT} if is_call else {})
    return told


def _models(fields: Fields) -> dict[str, object]:
    provider = fields.text("custom_llm_provider")
    model = fields.text("model")
    told = {semconv.SYSTEM_OLD: provider}
    if model is not None:
        told[semconv.REQUEST_MODEL] = (
            model.removeprefix(f"{provider}/") if provider is not None else model
        )
    return {name: text for name, text in told.items() if text}


def _tokens(fields: Fields, metadata: Mapping[str, object]) -> dict[str, object]:
    raw = dict(as_mapping(metadata.get("usage_object")))
    raw = raw or dict(as_mapping(metadata.get("additional_usage_values")))
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        number = fields.number(name)
        if number is not None and raw.get(name) is None:
            raw[name] = float(number)
    if "prompt_tokens" not in raw and "completion_tokens" not in raw:
        return {}
    given = as_mapping(raw.get("prompt_tokens_details"))
    made = as_mapping(raw.get("completion_tokens_details"))
    lifetimes = as_mapping(given.get("cache_creation_token_details"))
    parts: dict[str, object] = {
        "cache_read": _either(given.get("cached_tokens"), raw.get("cache_read_input_tokens")),
        "cache_creation": _either(
            given.get("cache_creation_tokens"), raw.get("cache_creation_input_tokens")
        ),
        "audio": given.get("audio_tokens"),
        **{k: v for k, v in lifetimes.items() if k.startswith("ephemeral_")},
    }
    usage = read_usage(
        semconv.API_FRAMEWORK,
        {
            "input_tokens": raw.get("prompt_tokens"),
            "output_tokens": raw.get("completion_tokens"),
            "total_tokens": raw.get("total_tokens"),
            "input_token_details": parts,
            "output_token_details": {
                "reasoning": made.get("reasoning_tokens"),
                "audio": made.get("audio_tokens"),
            },
        },
    )
    return token_attributes(usage)


def _either(one: object, other: object) -> object:
    return one or other


def _wait(fields: Fields, start_ns: int) -> dict[str, object]:
    """Return the wait for the first chunk; of an answer in one piece the log repeats its end."""
    first = fields.time_ns("completion_start_time")
    streams = (fields.text("stream") or "").lower() == "true"
    return wait_attributes(start_ns, first) if streams else {}


def _people(fields: Fields, metadata: dict[str, object]) -> dict[str, object]:
    told: dict[str, object] = {}
    for column, name in _COLUMNS.items():
        text = fields.text(column)
        if text is not None and not metadata.get(name.removeprefix("metadata.")):
            told[name] = text
    session = fields.text("session_id")
    if session is not None:
        told[semconv.CONVERSATION_ID] = session
    return told | flattened(metadata, "metadata")


def _content(fields: Fields) -> dict[str, object]:
    asked, answered = fields.json("messages"), fields.json("response")
    told: dict[str, object] = {}
    if asked:
        told[semconv.INPUT_MESSAGES] = as_messages(asked, "user")
    if answered:
        told[semconv.OUTPUT_MESSAGES] = as_messages(answered, "assistant")
        told[semconv.RESPONSE_BODY] = as_text(answered)
    model = as_mapping(answered).get("model")
    return {**told, semconv.RESPONSE_MODEL: model} if isinstance(model, str) and model else told


def _failure(fields: Fields, metadata: Mapping[str, object]) -> dict[str, object]:
    """Return what went wrong; nothing for a call that succeeded."""
    said = fields.mapping("error_information") or dict(
        as_mapping(metadata.get("error_information"))
    )
    if (fields.text("status") or "").lower() != "failure":
        return {}
    code = as_text(said.get("error_code") or "")
    kind = said.get("error_class")
    told: dict[str, object] = flattened(said, f"{NAME}.error_information")
    told[semconv.ERROR_TYPE] = as_text(kind) if kind else "failure"
    if code.isascii() and code.isdigit():
        told[semconv.HTTP_STATUS_CODE] = int(code)
    return told


FORMAT: Final = Format(NAME, knows, whole, read)
