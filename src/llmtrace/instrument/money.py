"""Tokens, cost and cache status of one call, from what was read of it.

What the provider counted is used as it is. Where it counted nothing (a stream without usage) or
only a part (a stream that was left), we estimate and say so; a call that failed before it was
answered has neither tokens nor cost. Unknown is never 0.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from llmtrace import semconv, usage, wire
from llmtrace.instrument.gateways import NO_GATEWAY
from llmtrace.pricing import region_of
from llmtrace.pricing.calculate import free
from llmtrace.records import UNPRICED, TokenUsage
from llmtrace.usage.estimate import estimate_usage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from llmtrace.instrument.answers import Answer
    from llmtrace.instrument.gateways import GatewayWord
    from llmtrace.pricing import PriceBook
    from llmtrace.records import CacheStatus, Cost
    from llmtrace.wire import RequestFields

_BEDROCK: Final = "aws.bedrock"
_MARKED: Final = frozenset(
    {semconv.API_ANTHROPIC_MESSAGES, semconv.API_BEDROCK_CONVERSE, semconv.API_BEDROCK_INVOKE}
)
_CACHE_MARKS: Final = ('"cache_control"', '"cachePoint"')
_FREE: Final = frozenset({("openai", semconv.API_OPENAI_MODERATIONS)})
""""The moderation endpoint is free to use": platform.openai.com/docs/guides/moderation."""
_NOT_TEXT: Final = frozenset(
    {semconv.API_OPENAI_IMAGES, semconv.API_OPENAI_SPEECH, semconv.API_OPENAI_TRANSCRIPTION}
)
"""What goes in or out is no text, whose length would tell tokens."""
OPENAI_CACHE_MIN_TOKENS: Final = 1024
"""Shorter prompts are never cached. Source: OpenAI, "Prompt caching" guide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a call consumed and cost; all None for a call that was never answered."""

    usage: TokenUsage | None = None
    cost: Cost | None = None
    service_tier: str | None = None
    cache_status: CacheStatus | None = None
    cache_name: str | None = None
    """Whose response cache the status is about; None: the provider's prompt cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer, as they were read."""

    api: str
    request: RequestFields
    request_text: str | None
    answer: Answer
    was_answered: bool
    """Whether the provider took the call, so that it may cost something."""
    gateway: GatewayWord = NO_GATEWAY
    host: str | None = None
    path: str | None = None
    """Where the request went: prices may depend on the region."""
    is_batch: bool = False
    """It went through a batch API, which has prices of its own."""


def bill(exchange: Exchange, *, provider: str, at: datetime, prices: PriceBook) -> Bill:
    """Work out tokens, cost and cache status. ``at`` is when the call began."""
    if not exchange.was_answered:
        return Bill()
    answer, gateway = exchange.answer, exchange.gateway
    counted = _usage(exchange)
    tier = usage.read_service_tier(answer.body) or answer.fields.service_tier
    cost = _cost(counted, exchange, provider=provider, at=at, prices=prices, tier=tier)
    if gateway.cache_status == "hit":
        cost = from_response_cache(cost, gateway.cache_name)
    return Bill(
        usage=counted,
        cost=cost,
        service_tier="batch" if exchange.is_batch else tier,
        cache_status=gateway.cache_status
        or _cache_status(exchange.api, exchange.request_text, counted),
        cache_name=gateway.cache_name,
    )


def from_response_cache(cost: Cost, name: str | None) -> Cost:
    """Return what a call costs that a response cache answered: 0, and it saved ``cost``.

    ``cost`` is what the same answer costs without the cache; unpriced: the saving is unknown.
    """
    return replace(
        free("list", f"response cache ({name})" if name else "response cache"),
        cache_savings_usd=cost.total_usd,
    )


def _usage(exchange: Exchange) -> TokenUsage | None:
    answer, request_text = exchange.answer, exchange.request_text
    fields = answer.fields
    is_cut = answer.is_stream and not fields.is_complete
    known = usage.read_usage(
        exchange.api,
        fields.usage,
        source="partial" if is_cut else "provider",
        response=answer.body,
    )
    if known is None:
        if not answer.is_stream or request_text is None or exchange.api in _NOT_TEXT:
            return None
        # Counted from the JSON as sent, whose syntax is a small part of a prompt of any length.
        return _estimate(exchange, request_text)
    if not is_cut or exchange.api in _NOT_TEXT:
        return known
    # The stream was left before its last count: the input is the provider's, the output so far
    # is ours to estimate (Anthropic's first event holds a placeholder for it).
    written = _estimate(exchange, "")
    return replace(
        known,
        output_text=max(known.output_text, written.output_text),
        source="partial",
        anomaly="the stream was left before its last usage; output estimated from the text",
    )


def _estimate(exchange: Exchange, request_text: str) -> TokenUsage:
    """Estimate from what was asked and written; where only a length is known, by that."""
    answer = exchange.answer
    written = wire.output_text(exchange.api, answer.body)
    if not written:
        return estimate_usage(request_text, "x" * answer.fields.output_text_chars)
    return estimate_usage(request_text, written, model=exchange.request.model)


def _cost(
    counted: TokenUsage | None,
    exchange: Exchange,
    *,
    provider: str,
    at: datetime,
    prices: PriceBook,
    tier: str | None,
) -> Cost:
    answer, request = exchange.answer, exchange.request
    reported = usage.read_reported_cost(answer.fields.usage)
    if reported is None:
        reported = exchange.gateway.cost_usd
    if counted is None and reported is None:
        if (provider, exchange.api) in _FREE:
            return free("list", "free of charge")
        return replace(UNPRICED, reason="the provider sent no usage")
    model, other = answer.fields.model or request.model, request.model
    if provider == _BEDROCK and request.model is not None:
        # Its id tells more than the vendor's name in the answer: where it ran, global or not.
        model, other = request.model, answer.fields.model

    def price(name: str | None) -> Cost:
        return prices.price(
            provider,
            name,
            at,
            counted or TokenUsage(),
            service_tier=tier,
            batch=exchange.is_batch,
            reported_usd=reported,
            region=region_of(
                provider, host=exchange.host, path=exchange.path, usage=answer.fields.usage
            ),
        )

    cost = price(model)
    if cost.source == "unpriced" and other is not None and model != other:
        is_answer = other == answer.fields.model
        asked = price(other) if is_answer or is_form_of(model, other) else UNPRICED
        cost = asked if asked.source != "unpriced" else cost
    return cost


def is_form_of(answered: str | None, asked: str) -> bool:
    """Say whether the model that answered is the one asked for, as a snapshot is of its alias.

    A router may answer with quite another model, whose price is not that of what was asked for.
    """
    one = (answered or asked).lower().rpartition("/")[2]
    two = asked.lower().rpartition("/")[2]
    return one.startswith(two) or two.startswith(one)


def _cache_status(
    api: str, request_text: str | None, counted: TokenUsage | None
) -> CacheStatus | None:
    """Say what the provider's prompt cache did: hit, miss, or bypass (it could not take part)."""
    if counted is None or counted.source == "estimated":
        return None
    if counted.cached_tokens:
        return "hit"
    if counted.cache_write:
        return "miss"
    if api in _MARKED:
        # Anthropic and Bedrock cache only what the request marks.
        is_marked = any(mark in (request_text or "") for mark in _CACHE_MARKS)
        return "miss" if is_marked else "bypass"
    if api in {semconv.API_OPENAI_CHAT, semconv.API_OPENAI_RESPONSES}:
        return "miss" if counted.input_tokens >= OPENAI_CACHE_MIN_TOKENS else "bypass"
    # Frameworks write 0 also for what they do not know.
    return None if api == semconv.API_FRAMEWORK else "bypass"


def money_attributes(billed: Bill, raw_usage: Mapping[str, object] | None) -> dict[str, object]:
    """Return the span attributes of a bill. Money goes out as doubles: OTLP has no decimals."""
    found: dict[str, object] = {}
    if billed.usage is not None:
        found.update(_usage_attributes(billed.usage))
    if billed.cost is not None:
        found.update(_cost_attributes(billed.cost))
    if billed.service_tier:
        found[semconv.SERVICE_TIER] = billed.service_tier
    if billed.cache_status:
        found[semconv.CACHE_STATUS] = billed.cache_status
    if billed.cache_name:
        found[semconv.CACHE_NAME] = billed.cache_name
    if raw_usage:
        found[semconv.USAGE_RAW] = _compact(raw_usage)
    return found


def _usage_attributes(counted: TokenUsage) -> dict[str, object]:
    found: dict[str, object] = {
        semconv.USAGE_INPUT_TOKENS: counted.input_tokens,
        semconv.USAGE_OUTPUT_TOKENS: counted.output_tokens,
        semconv.USAGE_SOURCE: counted.source,
    }
    optional = {
        semconv.USAGE_CACHE_READ: counted.cached_tokens,
        semconv.USAGE_CACHE_CREATION: counted.cache_write,
        semconv.USAGE_CACHE_WRITE_5M: counted.cache_write_5m,
        semconv.USAGE_CACHE_WRITE_1H: counted.cache_write_1h,
        semconv.USAGE_REASONING: counted.output_reasoning,
        semconv.USAGE_AUDIO_INPUT: counted.input_audio,
        semconv.USAGE_IMAGE_INPUT: counted.input_image,
        semconv.USAGE_AUDIO_OUTPUT: counted.output_audio,
        semconv.USAGE_IMAGE_OUTPUT: counted.output_image,
    }
    # The provider told these: 0 is a fact. In an estimate they are unknown, and left out.
    if counted.source != "estimated":
        for name in (semconv.USAGE_CACHE_READ, semconv.USAGE_CACHE_CREATION):
            found[name] = optional.pop(name)
        found[semconv.USAGE_REASONING] = optional.pop(semconv.USAGE_REASONING)
    found.update({name: count for name, count in optional.items() if count})
    for kind, count in counted.requests.items():
        found[semconv.USAGE_REQUESTS_PREFIX + kind] = count
    for kind, amount in counted.units.items():
        found[semconv.USAGE_UNITS_PREFIX + kind] = float(amount)
    if counted.anomaly:
        found[semconv.USAGE_ANOMALY] = counted.anomaly
    return found


def _cost_attributes(cost: Cost) -> dict[str, object]:
    found: dict[str, object] = {semconv.COST_SOURCE: cost.source}
    parts = {
        semconv.COST_TOTAL: cost.total_usd,
        semconv.COST_INPUT: cost.input_usd,
        semconv.COST_OUTPUT: cost.output_usd,
        semconv.COST_CACHE_READ: cost.cache_read_usd,
        semconv.COST_CACHE_WRITE: cost.cache_write_usd,
        semconv.COST_TOOLS: cost.tools_usd,
        semconv.CACHE_SAVINGS: cost.cache_savings_usd,
    }
    found.update({name: float(usd) for name, usd in parts.items() if usd is not None})
    if cost.price_version:
        found[semconv.PRICE_VERSION] = cost.price_version
    return found


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))[:8_000]
