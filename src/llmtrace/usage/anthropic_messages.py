"""Usage of Anthropic messages: ``input_tokens`` is what is left beside the cache.

Everything in = input + cache read + cache creation; there is no total to check it against.
Thinking is inside ``output_tokens``. Traps of the beta:

* ``compaction`` iterations are billed and are *not* in the top-level counts: added here.
* ``advisor_message`` iterations of another model are billed at that model's price and are not in
  the top-level counts either. One record has one model, so they are noted, not added.
* ``fallback_message`` iterations are in the top-level counts, but a turn may then be of two models.
* a redeemed ``fallback_credit`` changes the bill by an amount that nobody states: noted.

Format: platform.claude.com/docs/en/api/messages; the SDK's ``types/beta/beta_usage.py``.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final

from llmtrace.records import TokenUsage
from llmtrace.usage.algebra import normalize
from llmtrace.usage.counts import Counts, as_list, as_mapping
from llmtrace.usage.shape import Shape, amounts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.records import UsageSource

SHAPE: Final = Shape(
    input=("input_tokens",),
    output=("output_tokens",),
    cached=("cache_read_input_tokens",),
    cache_write=("cache_creation_input_tokens",),
    cache_write_5m=("cache_creation.ephemeral_5m_input_tokens",),
    cache_write_1h=("cache_creation.ephemeral_1h_input_tokens",),
    reasoning=("output_tokens_details.thinking_tokens",),
    beside=frozenset({"cached", "cache_write", "cache_write_5m", "cache_write_1h"}),
    requests={
        "web_search": ("server_tool_use.web_search_requests",),
        "web_fetch": ("server_tool_use.web_fetch_requests",),
        "code_execution": ("server_tool_use.code_execution_requests",),
    },
)

_COUNTED_ABOVE: Final = ("message", "fallback_message")
_TOKENS: Final = tuple(
    item.name
    for item in fields(TokenUsage)
    if item.name not in {"requests", "units", "source", "anomaly"}
)


def read(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a message's ``usage``, of a stream the merged one; None if it holds no count."""
    found = as_mapping(raw)
    counts = Counts()
    amounts = amounts_of(SHAPE, found, counts)
    if amounts is None:
        return None
    usage = normalize(amounts, counts, source)
    models: set[str] = set()
    for item in as_list(found.get("iterations")):
        usage = _with_iteration(usage, as_mapping(item), counts, models)
    if len(models) > 1:
        counts.note(f"{len(models)} models answered in one call; priced as one")
    credit = as_mapping(as_mapping(found.get("fallback_credit")).get("status"))
    if credit.get("type") == "redeemed":
        counts.note("a fallback credit was redeemed; the bill differs from the list price")
    return counts.finish(usage, source)


def _with_iteration(
    usage: TokenUsage, item: Mapping[str, object], counts: Counts, models: set[str]
) -> TokenUsage:
    kind, model = item.get("type"), item.get("model")
    if kind in _COUNTED_ABOVE:
        if isinstance(model, str):
            models.add(model)
        return usage
    of_item = Counts()
    amounts = amounts_of(SHAPE, item, of_item)
    if amounts is None:
        return usage
    extra = normalize(amounts, of_item, "provider")
    if kind == "compaction":
        for text in of_item.notes:
            counts.note(text)
        counts.is_incomplete = counts.is_incomplete or of_item.is_incomplete
        return replace(
            usage, **{name: getattr(usage, name) + getattr(extra, name) for name in _TOKENS}
        )
    whose = f"of {model[:80]} " if isinstance(model, str) else ""
    counts.note(
        f"{extra.input_tokens} input and {extra.output_tokens} output tokens {whose}"
        "in an iteration are not counted here"
    )
    return usage
