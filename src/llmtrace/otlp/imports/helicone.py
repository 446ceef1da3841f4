"""Helicone's exports: requests of ``/v1/request/query`` and of its export tool (JSON, JSONL, CSV).

Where bodies were exported the provider's own usage in the answer counts. Else Helicone's columns
do, in which Anthropic's input stands beside its cache, and others' holds it unless the total says
otherwise. Fields: docs.helicone.ai (HeliconeRequest); ``delay_ms`` and ``time_to_first_token`` are
milliseconds, ``cost`` is USD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.dialects.providers import provider_name
from llmtrace.otlp.encode import FinishedSpan
from llmtrace.otlp.imports.fields import Fields, UnreadableError, as_text
from llmtrace.otlp.imports.records import (
    Format,
    Imported,
    Record,
    end_after,
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

NAME: Final = "helicone"
_NO_ID: Final = "00000000-0000-0000-0000-000000000000"
_SESSION: Final = "helicone-session-id"
_USER: Final = "helicone-user-id"
_MS: Final = 1_000_000
_FAILED_FROM: Final = 400
_FIRST_STATUS: Final = 100
_LAST_STATUS: Final = 599
_PATHS: Final = (
    ("embed", semconv.OP_EMBEDDINGS),
    ("rerank", semconv.OP_RERANK),
    ("moderations", semconv.OP_MODERATION),
    ("/images/", semconv.OP_IMAGE_GENERATION),
    ("/audio/speech", semconv.OP_SPEECH),
    ("/audio/", semconv.OP_TRANSCRIPTION),
    ("chat/completions", semconv.OP_CHAT),
    ("/completions", semconv.OP_TEXT_COMPLETION),
)
_COUNTS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_cache_read_tokens",
    "prompt_cache_write_tokens",
    "reasoning_tokens",
    "prompt_audio_tokens",
    "completion_audio_tokens",
)


def knows(names: frozenset[str]) -> bool:
    """Say whether a record is a request that Helicone logged."""
    return "request_created_at" in names and bool(names & {"request_id", "response_id"})


def read(record: Record) -> Imported:
    """Read a request with its answer."""
    fields = Fields(record)
    identity = fields.text("request_id", "response_id")
    start = fields.time_ns("request_created_at")
    if identity is None or start is None:
        raise UnreadableError("no id or no time of the request")
    operation, models = _operation(fields), _models(fields)
    asked, answered = fields.json("request_body"), fields.json("response_body")
    attributes: dict[str, object] = {
        semconv.OPERATION_NAME: operation,
        **models,
        **_people(fields),
        **_tokens(fields, models, as_mapping(answered)),
        **stated_cost(fields.take("cost", "cost_usd")),
        **wait_attributes(start, _after(fields, start, "time_to_first_token")),
    }
    if asked:
        attributes[semconv.REQUEST_BODY] = as_text(asked)
    if answered:
        attributes[semconv.RESPONSE_BODY] = as_text(answered)
    status = fields.number("response_status")
    if status is not None and _FIRST_STATUS <= status <= _LAST_STATUS:
        attributes[semconv.HTTP_STATUS_CODE] = int(status)
    failed = status is not None and (status >= _FAILED_FROM or status < 0)
    if failed:
        attributes[semconv.ERROR_TYPE] = str(status)
    attributes |= _cached(fields)
    span = FinishedSpan(
        trace_id=trace_id(NAME, identity),
        span_id=span_id(NAME, identity),
        parent_span_id=None,
        name=f"{operation} {models.get(semconv.REQUEST_MODEL, '')}".strip(),
        kind="client",
        start_unix_ns=start,
        end_unix_ns=_end_ns(fields, start),
        attributes={**attributes, **fields.rest(NAME)},
        status="error" if failed else "unset",
    )
    return Imported(span=span)


def _end_ns(fields: Fields, start_ns: int) -> int:
    answered = fields.time_ns("response_created_at")
    return _after(fields, start_ns, "delay_ms", "latency") or answered or 0


def _after(fields: Fields, start_ns: int, *names: str) -> int | None:
    """Take milliseconds after the start; what cannot be true stays to be seen."""
    for name in names:
        length = fields.number(name)
        if length is not None:
            end = end_after(start_ns, length, _MS)
            if not end:
                fields.put(name, str(length))
            return end or None
    return None


def _operation(fields: Fields) -> str:
    path = fields.text("request_path", "target_url") or ""
    fields.put("request_path", path)
    return next((kind for part, kind in _PATHS if part in path), semconv.OP_CHAT)


def _models(fields: Fields) -> dict[str, object]:
    told = {
        semconv.RESPONSE_MODEL: fields.text("response_model"),
        semconv.REQUEST_MODEL: fields.text("model_override", "request_model", "model"),
    }
    provider = fields.text("provider")
    if provider is not None:
        told[semconv.PROVIDER_NAME] = provider_name(provider)
    return {name: text for name, text in told.items() if text}


def _people(fields: Fields) -> dict[str, object]:
    told: dict[str, object] = {}
    user = fields.text("request_user_id", "helicone_user")
    for name, value in fields.mapping("request_properties", "properties").items():
        if name.lower() == _SESSION:
            told[semconv.CONVERSATION_ID] = as_text(value)
        elif name.lower() == _USER:
            user = user or as_text(value)
        else:
            told[semconv.TAG_PREFIX + name] = as_text(value)
    return {**told, semconv.USER_ID: user} if user else told


def _tokens(
    fields: Fields, models: Mapping[str, object], answer: Mapping[str, object]
) -> dict[str, object]:
    raw = answer.get("usage") or answer.get("usageMetadata")
    usage = read_usage("", raw, response=answer) if raw else None
    if usage is not None and usage.source == "provider":
        for name in _COUNTS:  # the same once more
            fields.take(name)
        return token_attributes(usage)
    counts = {name: fields.number(name) for name in _COUNTS}
    given, cached = counts["prompt_tokens"], counts["prompt_cache_read_tokens"] or 0
    written = counts["prompt_cache_write_tokens"] or 0
    if given is not None and _is_anthropic(models):
        given += cached + written
    names = {
        semconv.USAGE_INPUT_TOKENS: given,
        semconv.USAGE_OUTPUT_TOKENS: counts["completion_tokens"],
        semconv.USAGE_TOTAL_OLD: counts["total_tokens"],
        semconv.USAGE_CACHE_READ: counts["prompt_cache_read_tokens"],
        semconv.USAGE_CACHE_CREATION: counts["prompt_cache_write_tokens"],
        semconv.USAGE_REASONING: counts["reasoning_tokens"],
        semconv.USAGE_AUDIO_INPUT: counts["prompt_audio_tokens"],
        semconv.USAGE_AUDIO_OUTPUT: counts["completion_audio_tokens"],
    }
    return {name: _whole(count) for name, count in names.items() if count is not None}


def _is_anthropic(models: Mapping[str, object]) -> bool:
    names = (models.get(semconv.RESPONSE_MODEL), models.get(semconv.REQUEST_MODEL))
    is_claude = any(isinstance(name, str) and "claude" in name for name in names)
    return is_claude or models.get(semconv.PROVIDER_NAME) == "anthropic"


def _whole(count: object) -> object:
    """Return a count as the number that the conventions know; whatever it is."""
    number = float(str(count))
    return int(number) if number.is_integer() and abs(number) < 2**63 else number


def _cached(fields: Fields) -> dict[str, object]:
    """Say that Helicone's cache answered, which costs nothing."""
    reference = fields.text("cache_reference_id")
    if reference is None or reference == _NO_ID:
        return {}
    return {
        semconv.CACHE_STATUS: "hit",
        semconv.CACHE_NAME: NAME,
        semconv.COST_TOTAL: 0.0,
        semconv.COST_SOURCE: "provider",
        f"{NAME}.cache_reference_id": reference,
    }


FORMAT: Final = Format(NAME, knows, whole, read)
