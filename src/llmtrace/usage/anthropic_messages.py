"""Usage of Anthropic messages: ``input_tokens`` is what is left beside the cache.

Everything in = input + cache read + cache creation; there is no total to check it against.
Thinking is inside ``output_tokens``. Two traps of the beta's ``iterations``:

* ``compaction`` entries are billed and are *not* in the top-level counts: added here.
* ``advisor_message`` and other entries of another model are billed at that model's price and are
  not in the top-level counts either. One record has one model, so they are noted, not added.

Format: platform.claude.com/docs/en/api/messages; the SDK's ``types/beta/beta_usage.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.records import TokenUsage
from llmtrace.usage.counts import Counts, as_list, as_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.records import UsageSource


def read(raw: object, source: UsageSource = "provider") -> TokenUsage | None:
    """Read a message's ``usage``, of a stream the merged one; None if it holds no count."""
    found = as_mapping(raw)
    counts = Counts()
    given = counts.take(found, "input_tokens")
    made = counts.take(found, "output_tokens")
    usage = _buckets(found, counts, given or 0, made or 0)
    if given is None and made is None and usage.input_tokens == 0:
        return None
    if given is None or made is None:
        counts.note(f"{'input' if given is None else 'output'} tokens are missing")
        counts.is_incomplete = True
    for item in as_list(found.get("iterations")):
        usage = _with_iteration(usage, as_mapping(item), counts)
    return counts.finish(usage, source)


def _buckets(raw: Mapping[str, object], counts: Counts, given: int, made: int) -> TokenUsage:
    short, long, other = _cache_writes(raw, counts)
    details = as_mapping(raw.get("output_tokens_details"))
    thinking = counts.take(details, "thinking_tokens") or 0
    thinking = counts.within("thinking tokens", thinking, made)
    tools = as_mapping(raw.get("server_tool_use"))
    fees = {
        "web_search": counts.take(tools, "web_search_requests"),
        "web_fetch": counts.take(tools, "web_fetch_requests"),
        "code_execution": counts.take(tools, "code_execution_requests"),
    }
    return TokenUsage(
        input_uncached=given,
        cache_read=counts.take(raw, "cache_read_input_tokens") or 0,
        cache_write_5m=short,
        cache_write_1h=long,
        cache_write_other=other,
        output_text=made - thinking,
        output_reasoning=thinking,
        requests={kind: number for kind, number in fees.items() if number},
    )


def _cache_writes(raw: Mapping[str, object], counts: Counts) -> tuple[int, int, int]:
    """Return cache writes kept 5 minutes, 1 hour, and for a time that was not said.

    What the sum has more than the split goes to the split's lifetime if it names only one.
    """
    split = as_mapping(raw.get("cache_creation"))
    together = counts.take(raw, "cache_creation_input_tokens")
    short = counts.take(split, "ephemeral_5m_input_tokens") or 0
    long = counts.take(split, "ephemeral_1h_input_tokens") or 0
    if together is None or together == short + long:
        return short, long, 0
    rest = max(together - short - long, 0)
    if split:
        # A stream tells the split once, at its start; the sum grows with every server tool turn.
        counts.note(f"cache writes by lifetime are {short + long}, together {together}")
        if short and not long:
            return short + rest, 0, 0
        if long and not short:
            return 0, long + rest, 0
    return short, long, rest


def _with_iteration(usage: TokenUsage, item: Mapping[str, object], counts: Counts) -> TokenUsage:
    kind = item.get("type")
    if kind == "message":
        return usage  # in the top-level counts already
    given = counts.take(item, "input_tokens") or 0
    made = counts.take(item, "output_tokens") or 0
    if kind != "compaction":
        model = item.get("model")
        whose = f"of {model[:80]} " if isinstance(model, str) else ""
        counts.note(
            f"{given} input and {made} output tokens {whose}in an iteration are not counted here"
        )
        return usage
    extra = _buckets(item, counts, given, made)
    return TokenUsage(
        input_uncached=usage.input_uncached + extra.input_uncached,
        cache_read=usage.cache_read + extra.cache_read,
        cache_write_5m=usage.cache_write_5m + extra.cache_write_5m,
        cache_write_1h=usage.cache_write_1h + extra.cache_write_1h,
        cache_write_other=usage.cache_write_other + extra.cache_write_other,
        output_text=usage.output_text + extra.output_text,
        output_reasoning=usage.output_reasoning + extra.output_reasoning,
        requests=usage.requests,
    )
