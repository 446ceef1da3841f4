"""Decide what to send again, or why not. Pure: no SDK, no store, no network, no clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace import semconv, usage, wire
from llmtrace.errors import ReplayError
from llmtrace.records import Cost, TokenUsage
from llmtrace.wire.reading import as_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.replay.stored import StoredCall

Pricer = Callable[[str, str | None, TokenUsage, str | None, Decimal | None], Cost]
"""(provider, model, usage, service tier, stated USD) → cost, at the present prices."""

REPLAYABLE_APIS: Final = frozenset(
    {
        semconv.API_OPENAI_CHAT,
        semconv.API_OPENAI_RESPONSES,
        semconv.API_OPENAI_EMBEDDINGS,
        semconv.API_ANTHROPIC_MESSAGES,
    }
)
"""Those that ``run`` has an SDK for; we read more wire formats than we send."""

_HINT: Final = "content is captured unless the app says capture_content='none'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """A request that is ready to be sent."""

    span_id: str
    api: str
    provider: str
    server_address: str | None
    """Where the stored call went, for people to read; the replay is not sent there by itself."""
    body: dict[str, Any]
    is_stream: bool
    model: str | None
    changes: tuple[str, ...] = ()
    """What differs from the stored request, as ``name: old → new``."""
    warnings: tuple[str, ...] = ()
    estimated_usd: Decimal | None = None
    """The stored call's tokens, uncached, at the present prices; None if that is not known."""
    estimate_note: str | None = None
    """Why there is no estimate; None if there is one."""


def plan_replay(
    call: StoredCall,
    *,
    price: Pricer,
    model: str | None = None,
    overrides: Mapping[str, object] | None = None,
    allow_redacted: bool = False,
) -> ReplayPlan:
    """Build the request to send again, with ``model`` and ``overrides`` laid over it.

    An override is ``name`` or ``outer.inner`` → JSON value; None takes the parameter out.
    Raises ReplayError if the call cannot be sent again, saying why and what to do.
    """
    body = _sendable_body(call)
    warnings: list[str] = []
    if call.is_request_redacted:
        if not allow_redacted:
            raise ReplayError(
                f"the request of {call.span_id} was redacted ({call.redacted}), so the prompt is "
                "not the one that was answered; send it nevertheless with --allow-redacted"
            )
        warnings.append(f"the prompt was redacted ({call.redacted}): answers may differ by that")
    changed = dict(overrides or {})
    if model is not None:
        changed["model"] = model
    changes = [_apply(body, name, value) for name, value in sorted(changed.items())]
    fields = wire.request_fields(call.api, body)
    provider = call.provider or ""
    estimated, note = _estimate(call, provider, fields.model, price)
    return ReplayPlan(
        span_id=call.span_id,
        api=call.api,
        provider=provider,
        server_address=call.server_address,
        body=body,
        is_stream=bool(fields.is_stream),
        model=fields.model,
        changes=tuple(changes),
        warnings=tuple(warnings),
        estimated_usd=estimated,
        estimate_note=note,
    )


def _sendable_body(call: StoredCall) -> dict[str, Any]:
    if call.api not in REPLAYABLE_APIS:
        known = ", ".join(sorted(REPLAYABLE_APIS))
        raise ReplayError(
            f"{call.span_id} was recorded with the API {call.api or '(unknown)'!r}, which cannot "
            f"be replayed; these can: {known}"
        )
    if not call.request_body:
        raise ReplayError(f"the request of {call.span_id} was not captured; {_HINT}")
    body = call.request()
    if body is None:
        why = "was shortened (LLMTRACE_MAX_BODY_BYTES)" if call.is_truncated else "is no JSON"
        raise ReplayError(f"the stored request of {call.span_id} {why} and cannot be sent again")
    return json.loads(json.dumps(body))


def _apply(body: dict[str, Any], name: str, value: object) -> str:
    """Set one parameter and say what that changed."""
    *outer, last = name.split(".")
    inside: dict[str, Any] = body
    for key in outer:
        following = inside.setdefault(key, {})
        if not isinstance(following, dict):
            raise ReplayError(f"cannot set {name!r}: {key!r} of the request is not an object")
        inside = cast("dict[str, Any]", following)
    before = inside.get(last)
    if value is None:
        inside.pop(last, None)
    else:
        inside[last] = value
    return f"{name}: {_short(before)} → {_short(value)}"


def _short(value: object) -> str:
    text = "(not set)" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _estimate(
    call: StoredCall, provider: str, model: str | None, price: Pricer
) -> tuple[Decimal | None, str | None]:
    """Price what the stored call consumed, as if nothing had been cached."""
    if call.input_tokens is None:
        return None, "the stored call has no token counts"
    raw = as_object(call.response()).get("usage")
    told = usage.read_usage(call.api, raw)
    consumed = TokenUsage(
        input_uncached=call.input_tokens,
        output_text=call.output_tokens or 0,
        requests={} if told is None else told.requests,
    )
    cost = price(provider, model, consumed, call.service_tier, None)
    return cost.total_usd, cost.reason if cost.total_usd is None else None


def check_budget(plan: ReplayPlan, max_usd: Decimal) -> None:
    """Raise ReplayError if the replay may cost more than ``max_usd``, or nobody can say."""
    if plan.estimated_usd is None:
        raise ReplayError(
            f"cannot hold --max-usd {max_usd}: {plan.estimate_note or 'the model has no price'}; "
            "add a price, or leave --max-usd out"
        )
    if plan.estimated_usd > max_usd:
        raise ReplayError(
            f"the replay would cost about {plan.estimated_usd:f} USD, more than --max-usd "
            f"{max_usd}; raise the limit or choose a cheaper --model"
        )
