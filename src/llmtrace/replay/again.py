"""One replay from the request to the comparison: what ``llmtrace replay`` and the dashboards share.

What records the replayed call is the caller's (``instrument`` is this package's sibling).
"""

from __future__ import annotations

import json
import shlex
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from llmtrace.errors import ReplayError
from llmtrace.pricing import load_price_book
from llmtrace.replay.compare import Comparison, compare, replayed_side, stored_side
from llmtrace.replay.plan import ReplayPlan, check_budget, plan_replay
from llmtrace.replay.run import TIMEOUT_S, check_destination, send_again

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.clock import Clock
    from llmtrace.config import Settings
    from llmtrace.records import Cost, TokenUsage
    from llmtrace.replay.plan import Pricer
    from llmtrace.replay.stored import StoredCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """What somebody asks for: the options of ``llmtrace replay``."""

    model: str | None = None
    """Another model than the stored call's."""
    overrides: Mapping[str, object] = field(default_factory=dict[str, object])
    """As ``plan_replay`` takes them."""
    max_usd: Decimal | None = None
    """Refuse what may cost more; None: no limit."""
    base_url: str | None = None
    """Where to send it, instead of where the SDK sends by itself."""
    allow_redacted: bool = False
    timeout_s: float = TIMEOUT_S


def override_of(text: str) -> tuple[str, object]:
    """Read ``NAME=VALUE``; VALUE is JSON, or text. Raises ReplayError if it is not of that form."""
    name, separator, value = text.partition("=")
    if not separator or not all(name.split(".")):
        raise ReplayError(f"{text!r}: write NAME=VALUE, as temperature=0")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def usd_of(text: str) -> Decimal:
    """Read an amount in USD exactly: money is never a float here. Raises ReplayError."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise ReplayError(f"{text!r} is no amount in USD; write one as 0.05")
    return amount


def present_prices(settings: Settings, clock: Clock) -> Pricer:
    """Return a ``Pricer`` at the prices of the moment it is asked. Raises PriceFileError."""
    book = load_price_book(settings)

    def price(
        provider: str,
        model: str | None,
        consumed: TokenUsage,
        tier: str | None,
        reported_usd: Decimal | None,
    ) -> Cost:
        now = clock.now()
        return book.price(
            provider, model, now, consumed, service_tier=tier, reported_usd=reported_usd
        )

    return price


def plan_of(call: StoredCall, request: ReplayRequest, price: Pricer) -> ReplayPlan:
    """Return the dry run of a request. Raises ReplayError if the call cannot be sent again."""
    return plan_replay(
        call,
        price=price,
        model=request.model,
        overrides=request.overrides,
        allow_redacted=request.allow_redacted,
    )


def check_allowed(plan: ReplayPlan, request: ReplayRequest) -> None:
    """Raise ReplayError if the plan goes to the wrong provider or may cost more than allowed."""
    check_destination(plan, request.base_url)
    if request.max_usd is not None:
        check_budget(plan, request.max_usd)


def replay_again(
    call: StoredCall,
    plan: ReplayPlan,
    request: ReplayRequest,
    *,
    price: Pricer,
    clock: Clock,
    recording: AbstractContextManager[object] | None = None,
) -> Comparison:
    """Check, send inside ``recording``, and compare with what was stored.

    Blocks until the provider has answered. Raises ReplayError.
    """
    check_allowed(plan, request)
    with recording or nullcontext():
        outcome = send_again(
            plan, clock=clock, base_url=request.base_url, timeout_s=request.timeout_s
        )
    return compare(stored_side(call), replayed_side(plan, outcome, price))


def command_line(span_id: str, request: ReplayRequest) -> str:
    """Return the ``llmtrace replay`` that does the same, quoted for a POSIX shell."""
    words = ["llmtrace", "replay", span_id]
    if request.model is not None:
        words += ["--model", request.model]
    for name, value in sorted(request.overrides.items()):
        words += ["--set", f"{name}={json.dumps(value, ensure_ascii=False)}"]
    if request.max_usd is not None:
        words += ["--max-usd", f"{request.max_usd:f}"]
    if request.base_url is not None:
        words += ["--base-url", request.base_url]
    if request.allow_redacted:
        words.append("--allow-redacted")
    return shlex.join(words)
