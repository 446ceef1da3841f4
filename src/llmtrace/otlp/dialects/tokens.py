"""Token counts of a foreign span → our names, where input holds the cache and output the reasoning.

Emitters differ in what they count inside what, and so do their versions. A dialect says which rule
its emitter follows; here that is held against what cannot be otherwise: a part is no larger than
its whole, and the total is the sum. Where that decides against the rule, the span gets a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.usage import read_usage
from llmtrace.usage.counts import MAX_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.otlp.dialects.draft import Draft
    from llmtrace.records import TokenUsage

Names = dict[str, tuple[str, ...]]

INPUT: Final = semconv.USAGE_INPUT_TOKENS
OUTPUT: Final = semconv.USAGE_OUTPUT_TOKENS
CACHE_READ: Final = semconv.USAGE_CACHE_READ
CACHE_WRITE: Final = semconv.USAGE_CACHE_CREATION
REASONING: Final = semconv.USAGE_REASONING

STANDARD: Final[Mapping[str, tuple[str, ...]]] = {
    INPUT: (semconv.USAGE_PROMPT_OLD,),
    OUTPUT: (semconv.USAGE_COMPLETION_OLD,),
    CACHE_READ: (semconv.USAGE_CACHE_READ_OLD,),
    CACHE_WRITE: (
        semconv.USAGE_CACHE_WRITE,
        semconv.USAGE_CACHE_CREATION_OLD,
        semconv.USAGE_CACHE_WRITE_OLD,
    ),
    REASONING: (semconv.USAGE_REASONING_OLD,),
}
"""The conventions' own names, old and coming ones."""


def settle(draft: Draft, *, total: object = None, beside: bool = False) -> None:
    """Make input and output whole, by the rule and by what cannot be otherwise.

    Args:
        draft: the span; its counts have our names already.
        total: what the emitter calls the total, if anything.
        beside: whether this emitter counts cached input beside the input, not in it.

    """
    given, made = _count(draft.look(INPUT)), _count(draft.look(OUTPUT))
    cached = (_count(draft.look(CACHE_READ)) or 0) + (_count(draft.look(CACHE_WRITE)) or 0)
    whole = _count(total)
    if given is not None and cached:
        if beside:
            draft.overrule(INPUT, given + cached)
            return
        proven = whole is not None and whole == given + (made or 0) + cached
        if cached > given or proven:
            draft.note(f"cached tokens ({cached}) are not in the input ({given}): added")
            draft.overrule(INPUT, given + cached)
            given += cached
    _settle_reasoning(draft, given, made, whole)


def _settle_reasoning(draft: Draft, given: int | None, made: int | None, total: int | None) -> None:
    reasoning = _count(draft.look(REASONING))
    if not reasoning or made is None:
        return
    if total is not None and given is not None and total == given + made + reasoning:
        draft.note("reasoning tokens are not in the output but in the total: added")
        draft.overrule(OUTPUT, made + reasoning)
    elif reasoning > made:
        draft.note(f"reasoning tokens ({reasoning}) are more than the output ({made})")


def say_provider_usage(draft: Draft, raw: object) -> bool:
    """Take the counts from a provider's own usage object; False if it is none that is known.

    It is better than what an emitter made of it: it tells the lifetimes of cache writes, fees and
    kinds of tokens that few conventions have names for.
    """
    usage = read_usage("", raw)
    if usage is None or usage.source != "provider":
        return False
    say_usage(draft, usage)
    return True


def say_usage(draft: Draft, usage: TokenUsage) -> None:
    """Say disjoint counts by our names. What is zero and was never told stays unknown."""
    is_embedding = draft.look(semconv.OPERATION_NAME) == semconv.OP_EMBEDDINGS
    draft.overrule(INPUT, usage.input_tokens)
    if usage.output_tokens or not is_embedding:
        draft.overrule(OUTPUT, usage.output_tokens)
    for name, count in told_counts(usage).items():
        draft.overrule(name, count)
    for kind, calls in usage.requests.items():
        draft.say(semconv.USAGE_REQUESTS_PREFIX + kind, calls)
    for kind, amount in usage.units.items():
        draft.say(semconv.USAGE_UNITS_PREFIX + kind, float(amount))
    if usage.anomaly:
        draft.note(usage.anomaly)


def told_counts(usage: TokenUsage) -> dict[str, int]:
    """Return the parts of disjoint counts by our names; what is zero is left out."""
    told = {
        CACHE_READ: usage.cached_tokens,
        CACHE_WRITE: usage.cache_write,
        semconv.USAGE_CACHE_WRITE_5M: usage.cache_write_5m,
        semconv.USAGE_CACHE_WRITE_1H: usage.cache_write_1h,
        REASONING: usage.output_reasoning,
        semconv.USAGE_AUDIO_INPUT: usage.input_audio,
        semconv.USAGE_IMAGE_INPUT: usage.input_image,
        semconv.USAGE_AUDIO_OUTPUT: usage.output_audio,
        semconv.USAGE_IMAGE_OUTPUT: usage.output_image,
    }
    return {name: count for name, count in told.items() if count}


def _count(value: object) -> int | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value <= MAX_TOKENS else None
