"""What gateways and caches between the app and the provider say in response headers. Pure.

A gateway's response cache answers without the provider: such a call costs nothing, and saved what
it would have cost. Sources: docs.helicone.ai (caching), developers.cloudflare.com/ai-gateway
(caching), portkey.ai/docs (cache), docs.litellm.ai (response headers), docs.konghq.com (AI cache).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmtrace.records import CacheStatus

_STATUS_HEADERS: Final = {
    b"helicone-cache": "helicone",
    b"cf-aig-cache-status": "cloudflare",
    b"x-portkey-cache-status": "portkey",
    b"x-cache-status": "kong",
}
_STATUSES: Final[dict[str, CacheStatus]] = {
    "hit": "hit",
    "semantic hit": "hit",
    "cache hit": "hit",
    "cache semantic hit": "hit",
    "miss": "miss",
    "cache miss": "miss",
    "semantic miss": "miss",
    "cache semantic miss": "miss",
    "refresh": "miss",
    "refreshed": "miss",
    "expired": "miss",
    "bypass": "bypass",
    "disabled": "bypass",
}
_LITELLM_KEY: Final = b"x-litellm-cache-key"
"""LiteLLM sends the key of the entry that it answered from; without a hit there is none."""
_LITELLM_COST: Final = b"x-litellm-response-cost"
_MAX_TEXT: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayWord:
    """What a gateway said of one call; all None where there is no gateway."""

    cache_status: CacheStatus | None = None
    """Of the gateway's response cache; not the provider's prompt cache."""
    cache_name: str | None = None
    cost_usd: Decimal | None = None
    """What the gateway says that the call cost."""


NO_GATEWAY: Final = GatewayWord()


def read_gateway(headers: Iterable[tuple[bytes, bytes]] | None) -> GatewayWord:
    """Read the response headers of one call, names in any case. Never raises."""
    status: CacheStatus | None = None
    name: str | None = None
    cost: Decimal | None = None
    for raw_name, value in headers or ():
        header = raw_name.lower()
        if header in _STATUS_HEADERS:
            said = _STATUSES.get(value.decode("latin-1")[:_MAX_TEXT].strip().lower())
            if said is not None:
                status, name = said, _STATUS_HEADERS[header]
        elif header == _LITELLM_KEY and value.strip() not in {b"", b"None"}:
            status, name = "hit", "litellm"
        elif header == _LITELLM_COST:
            cost = _amount(value)
    if status is None and cost is None:
        return NO_GATEWAY
    return GatewayWord(cache_status=status, cache_name=name, cost_usd=cost)


def _amount(value: bytes) -> Decimal | None:
    text = value.decode("latin-1").strip()
    try:
        amount = Decimal(text) if len(text) <= _MAX_TEXT else None
    except InvalidOperation:
        return None
    return amount if amount is not None and amount.is_finite() and amount >= 0 else None
