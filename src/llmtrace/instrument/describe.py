"""An ended call or step → the attributes of its span. Pure but for the price book it is given.

This is where the background thread's work is: reading the bodies, counting, pricing, redacting.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, Literal

from llmtrace import semconv, wire
from llmtrace.instrument import guard
from llmtrace.instrument.answers import Answer, parse_request, read_answer
from llmtrace.instrument.gateways import NO_GATEWAY, GatewayWord, read_gateway
from llmtrace.instrument.money import Bill, Exchange, bill, money_attributes
from llmtrace.instrument.providers import local_program, provider_of, seller_behind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.config import CaptureContent
    from llmtrace.instrument.call import Call
    from llmtrace.instrument.step import Step
    from llmtrace.pricing import PriceBook
    from llmtrace.redaction.redactor import Redactor

_HTTP_ERROR: Final = 400
_HEADERS: Final = {
    b"x-ratelimit-limit-requests": semconv.RATE_LIMIT_LIMIT_REQUESTS,
    b"x-ratelimit-remaining-requests": semconv.RATE_LIMIT_REMAINING_REQUESTS,
    b"x-ratelimit-limit-tokens": semconv.RATE_LIMIT_LIMIT_TOKENS,
    b"x-ratelimit-remaining-tokens": semconv.RATE_LIMIT_REMAINING_TOKENS,
    b"anthropic-ratelimit-requests-limit": semconv.RATE_LIMIT_LIMIT_REQUESTS,
    b"anthropic-ratelimit-requests-remaining": semconv.RATE_LIMIT_REMAINING_REQUESTS,
    b"anthropic-ratelimit-tokens-limit": semconv.RATE_LIMIT_LIMIT_TOKENS,
    b"anthropic-ratelimit-tokens-remaining": semconv.RATE_LIMIT_REMAINING_TOKENS,
    # Mistral, Cerebras and others say which window; a minute's is what stops a client first.
    b"x-ratelimit-limit-requests-minute": semconv.RATE_LIMIT_LIMIT_REQUESTS,
    b"x-ratelimit-remaining-requests-minute": semconv.RATE_LIMIT_REMAINING_REQUESTS,
    b"x-ratelimit-limit-req-minute": semconv.RATE_LIMIT_LIMIT_REQUESTS,
    b"x-ratelimit-remaining-req-minute": semconv.RATE_LIMIT_REMAINING_REQUESTS,
    b"x-ratelimit-limit-tokens-minute": semconv.RATE_LIMIT_LIMIT_TOKENS,
    b"x-ratelimit-remaining-tokens-minute": semconv.RATE_LIMIT_REMAINING_TOKENS,
}
_MAX_DIGITS: Final = 18
"""Longer numbers do not fit OTLP's integers; no rate limit has that many."""
_MAX_WAIT_S: Final = 1e9
_REQUEST_ID_HEADERS: Final = frozenset(
    {b"x-request-id", b"request-id", b"apim-request-id", b"x-amzn-requestid"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is known of an ended call or step."""

    name: str
    attributes: dict[str, object]
    status: Literal["unset", "error"]
    status_message: str
    events: tuple[tuple[str, int, dict[str, object]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What describing needs."""

    prices: PriceBook
    redactor: Redactor
    capture: CaptureContent
    max_body_bytes: int
    provider_hosts: Mapping[str, str] | None = None
    """The user's own word on who answers at a host."""


def describe_step(step: Step, means: Means) -> Description:
    """Describe a step of the app, or of a framework, whose content is redacted as a call's is."""
    attributes: dict[str, object] = {**step.attribution, **step.attributes}
    if step.sdk:
        attributes[semconv.SDK] = sdk_name(step.sdk)
    if step.content and means.capture != "none":
        attributes.update(redacted(step.content, means, Counter[str]()))
    if step.error_type:
        attributes[semconv.ERROR_TYPE] = step.error_type
    return Description(
        name=step.name,
        attributes=attributes,
        status="error" if step.error_type else "unset",
        status_message="",
    )


def describe_call(call: Call, started: datetime, means: Means) -> Description:
    """Describe a call that began at ``started``. Raises only for faults of ours."""
    body, request_text = parse_request(call)
    api = call.endpoint.api
    request = wire.request_fields(api, body)
    answer = read_answer(call)
    if answer.fields.usage is None:
        answer = _with_usage_of_request(answer, api, body)
    provider = provider_name(call, answer.body, means)
    error_type, message = _error(call, answer)
    attributes: dict[str, object] = {
        semconv.OPERATION_NAME: call.endpoint.operation,
        semconv.PROVIDER_NAME: provider,
        semconv.API: api,
        semconv.SDK: sdk_name(call.integration.distribution),
        **call.attribution,
    }
    model = request.model or call.model
    _add(attributes, _request_attributes(request, model, call))
    if request.is_stream or answer.is_stream:
        attributes[semconv.REQUEST_STREAM] = True
    _add(attributes, _response_attributes(answer, call))
    if call.endpoint.operation in semconv.INFERENCE_OPERATIONS:
        exchange = Exchange(
            api=api,
            request=replace(request, model=model),  # Bedrock and Gemini have it in the path
            request_text=request_text,
            answer=answer,
            was_answered=_was_answered(call, answer),
            host=call.host,
            path=call.path or None,
            gateway=read_gateway(call.headers) if api != semconv.API_FRAMEWORK else _cache(answer),
        )
        billed = bill(exchange, provider=provider, at=started, prices=means.prices)
        attributes.update(money_attributes(billed, answer.fields.usage))
    elif api == semconv.API_BEDROCK_AGENT:  # what its traces say of the models behind it
        attributes.update(money_attributes(Bill(), answer.fields.usage))
    attributes.update(_header_attributes(call.headers or []))
    if error_type:
        attributes[semconv.ERROR_TYPE] = error_type
    counts: Counter[str] = Counter()
    if means.capture != "none":
        attributes.update(_content(request_text, answer, means, counts))
    status_message = means.redactor.text(message, counts) if message else ""
    return Description(
        name=f"{call.endpoint.operation} {model}" if model else call.endpoint.operation,
        attributes=attributes,
        status="error" if error_type else "unset",
        status_message=status_message[:1_000],
        events=tuple(_retry_events(call)),
    )


def provider_name(call: Call, body: Mapping[str, object] | None, means: Means) -> str:
    """Return who answers a call: by its client, its host, its answer, else the SDK's own."""
    named = (
        call.provider_hint
        or provider_of(call.host, call.port, means.provider_hosts, path=call.path)
        or local_program(call.host, body)
        or call.integration.default_provider
    )
    return seller_behind(named, call.headers)


def _with_usage_of_request(answer: Answer, api: str, body: object) -> Answer:
    """Take what is billed from the request, where it is known from there alone."""
    usage = wire.usage_of_request(api, body)
    return answer if usage is None else replace(answer, fields=replace(answer.fields, usage=usage))


def _cache(answer: Answer) -> GatewayWord:
    """Return what a framework says of its own response cache."""
    name = answer.body.get("cache") if answer.body else None
    return GatewayWord(cache_status="hit", cache_name=str(name)) if name else NO_GATEWAY


def _was_answered(call: Call, answer: Answer) -> bool:
    """Say whether the provider took the call, so that it may cost something."""
    if call.endpoint.api == semconv.API_FRAMEWORK:  # it tells of no HTTP
        return call.error_type is None
    if call.status is None or call.status >= _HTTP_ERROR:
        return False
    return answer.fields.error_type is None or bool(answer.fields.usage)


def _error(call: Call, answer: Answer) -> tuple[str | None, str | None]:
    """Return the error's class and text: what the caller saw, else what the body says."""
    if call.error_type:
        # Some SDKs make an exception without a message: then the body says it.
        return call.error_type, call.error_message or answer.fields.error_message
    if answer.fields.error_type:
        return answer.fields.error_type, answer.fields.error_message
    if call.endpoint.operation == semconv.OP_FETCH_RESPONSE or call.status is None:
        return None, None
    if call.status >= _HTTP_ERROR:
        # Seen below the SDK, which may make no exception of it: OpenTelemetry's word is the status.
        return str(call.status), None
    if answer.problem and call.outcome != "abandoned":  # half an answer is the app's own choice
        return "invalid_response", answer.problem
    return None, None


def _request_attributes(
    request: wire.RequestFields, model: str | None, call: Call
) -> dict[str, object]:
    return {
        semconv.REQUEST_MODEL: model,
        semconv.REQUEST_MAX_TOKENS: request.max_tokens,
        semconv.REQUEST_TEMPERATURE: request.temperature,
        semconv.REQUEST_TOP_P: request.top_p,
        semconv.REQUEST_TOP_K: request.top_k,
        semconv.REQUEST_SEED: request.seed,
        semconv.REQUEST_FREQUENCY_PENALTY: request.frequency_penalty,
        semconv.REQUEST_PRESENCE_PENALTY: request.presence_penalty,
        semconv.REQUEST_STOP_SEQUENCES: request.stop_sequences,
        semconv.REQUEST_CHOICE_COUNT: request.choice_count if request.choice_count != 1 else None,
        semconv.REQUEST_ENCODING_FORMATS: (
            (request.encoding_format,) if request.encoding_format else None
        ),
        semconv.EMBEDDINGS_DIMENSION_COUNT: request.dimensions,
        semconv.OUTPUT_TYPE: request.output_type,
        semconv.OPENAI_REQUEST_SERVICE_TIER: (
            request.service_tier
            if request.service_tier != "auto" and call.endpoint.api.startswith("openai.")
            else None
        ),
        semconv.CONVERSATION_ID: call.attribution.get(semconv.CONVERSATION_ID)
        or request.conversation_id,
        semconv.SERVER_ADDRESS: call.host,
        semconv.SERVER_PORT: call.port,
        semconv.RETRY_COUNT: call.retries,
        semconv.HTTP_STATUS_CODE: call.status,
    }


def _response_attributes(answer: Answer, call: Call) -> dict[str, object]:
    fields = answer.fields
    first = call.first_mono_ns if answer.is_stream else 0
    return {
        semconv.RESPONSE_ID: fields.id,
        semconv.RESPONSE_MODEL: fields.model,
        semconv.RESPONSE_FINISH_REASONS: fields.finish_reasons or None,
        semconv.OPENAI_RESPONSE_SERVICE_TIER: (
            fields.service_tier if call.endpoint.api.startswith("openai.") else None
        ),
        semconv.OPENAI_SYSTEM_FINGERPRINT: fields.system_fingerprint,
        semconv.LEFT_OUT: _left_out(call),
        semconv.BATCH_ID: fields.id if call.endpoint.operation == semconv.OP_BATCH else None,
        semconv.RESPONSE_TIME_TO_FIRST_CHUNK: (
            (first - call.start_mono_ns) / 1e9 if first else None
        ),
        semconv.STREAM_OUTCOME: _outcome(answer, call) if answer.is_stream else None,
    }


def _left_out(call: Call) -> str | None:
    if call.left_out is None:
        return None
    kind, size = call.left_out
    return kind if size is None else f"{kind}; {size} bytes"


def _outcome(answer: Answer, call: Call) -> str:
    if call.outcome == "failed" or call.error_type or answer.fields.error_type:
        return "failed"
    return "completed" if answer.fields.is_complete else "abandoned"


def _header_attributes(headers: list[tuple[bytes, bytes]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for raw_name, value in headers:
        name = raw_name.lower()
        if name in _HEADERS and value.isdigit() and len(value) <= _MAX_DIGITS:
            found[_HEADERS[name]] = int(value)
        elif name in _REQUEST_ID_HEADERS:
            found[semconv.REQUEST_ID] = value.decode("latin-1")[:200]
        elif name == b"retry-after" and (wait_s := _seconds(value.decode("latin-1"))) is not None:
            found[semconv.RATE_LIMIT_RETRY_AFTER] = wait_s
    return found


def _content(
    request_text: str | None, answer: Answer, means: Means, counts: Counter[str]
) -> dict[str, object]:
    """Return the bodies, redacted and within bounds."""
    bodies = {semconv.REQUEST_BODY: request_text, semconv.RESPONSE_BODY: answer.text}
    found = redacted(bodies, means, counts)
    if answer.is_truncated:
        found[semconv.TRUNCATED] = True
    return found


def redacted(
    texts: Mapping[str, str | None], means: Means, counts: Counter[str]
) -> dict[str, object]:
    """Return texts, redacted and within bounds. What cannot be redacted is left out."""
    found: dict[str, object] = {}
    for name, text in texts.items():
        if text is None:
            continue
        try:
            kept = means.redactor.json_text(text, counts)
        except Exception:  # noqa: BLE001  # never send on what could not be redacted
            guard.fault("redact")
            counts["dropped"] += 1
            continue
        if len(kept) > means.max_body_bytes:
            kept = kept[: means.max_body_bytes]
            found[semconv.TRUNCATED] = True
        found[name] = kept
    if counts:
        found[semconv.REDACTED] = ",".join(f"{kind}={n}" for kind, n in sorted(counts.items()))
    return found


def _retry_events(call: Call) -> list[tuple[str, int, dict[str, object]]]:
    events: list[tuple[str, int, dict[str, object]]] = []
    for time_ns, status, retry_after in call.retried or ():
        noted: dict[str, object] = {}
        if status is not None:
            noted[semconv.HTTP_STATUS_CODE] = status
        wait_s = _seconds(retry_after or "")
        if wait_s is not None:
            noted[semconv.RATE_LIMIT_RETRY_AFTER] = wait_s
        events.append(("llmtrace.retry", time_ns, noted))
    return events


def _seconds(text: str) -> float | None:
    """Return a Retry-After header's seconds; None for its other form, a date, and for nonsense."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < _MAX_WAIT_S else None


def _add(attributes: dict[str, object], more: Mapping[str, Any]) -> None:
    attributes.update({name: value for name, value in more.items() if value is not None})


@lru_cache(maxsize=32)
def sdk_name(distribution: str) -> str:
    """Return an SDK with its version, as ``openai 3.52.0``."""
    try:
        return f"{distribution} {metadata.version(distribution)}"
    except metadata.PackageNotFoundError:
        return distribution


def start_time(start_unix_ns: int) -> datetime:
    """Return unix nanoseconds as an aware datetime, for pricing."""
    return datetime.fromtimestamp(start_unix_ns / 1e9, UTC)
