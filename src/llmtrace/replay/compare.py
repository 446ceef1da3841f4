"""Put the stored answer and the new one side by side. Pure."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from llmtrace import usage, wire
from llmtrace.records import TokenUsage

if TYPE_CHECKING:
    from decimal import Decimal

    from llmtrace.replay.plan import Pricer, ReplayPlan
    from llmtrace.replay.run import Outcome
    from llmtrace.replay.stored import JsonObject, StoredCall

_WORDS: Final = re.compile(r"\S+|\n")
_MAX_WORDS: Final = 4_000
"""Longer answers are compared by their lines: the matcher's time grows with the square."""
_WORDS_A_LINE: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two answers. Unknown is None."""

    text: str | None
    """What the model answered, tool calls written out; None if it was not captured."""
    model: str | None = None
    finish_reasons: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Before and after."""

    before: Side
    after: Side
    is_same: bool
    """The texts are equal, white space at their ends aside. False if one is unknown."""
    similarity_ratio: float | None
    """0 (nothing in common) to 1 (same words in the same order); None if a text is unknown."""
    diff: tuple[str, ...]
    """Lines of a unified diff; empty if the texts are equal or one is unknown."""


def compare(before: Side, after: Side) -> Comparison:
    """Compare two answers."""
    old, new = before.text, after.text
    if old is None or new is None:
        return Comparison(before=before, after=after, is_same=False, similarity_ratio=None, diff=())
    is_same = old.strip() == new.strip()
    return Comparison(
        before=before,
        after=after,
        is_same=is_same,
        similarity_ratio=1.0 if is_same else _similarity(old, new),
        diff=() if is_same else tuple(_diff(old, new)),
    )


def _similarity(old: str, new: str) -> float:
    first, second = _WORDS.findall(old), _WORDS.findall(new)
    if max(len(first), len(second)) > _MAX_WORDS:
        first, second = old.splitlines(), new.splitlines()
    return difflib.SequenceMatcher(a=first, b=second, autojunk=False).ratio()


def _diff(old: str, new: str) -> list[str]:
    """Return a unified diff by lines; a paragraph on one line is broken into lines of words."""
    return list(
        difflib.unified_diff(_lines(old), _lines(new), "stored", "replayed", lineterm="", n=2)
    )


def _lines(text: str) -> list[str]:
    lines: list[str] = []
    for line in text.strip().splitlines():
        words = line.split(" ")
        starts = range(0, len(words), _WORDS_A_LINE)
        lines.extend(" ".join(words[start : start + _WORDS_A_LINE]) for start in starts)
    return lines


def stored_side(call: StoredCall) -> Side:
    """Return what was stored of a call."""
    return Side(
        text=answer_text(call.api, call.response()),
        model=call.model,
        finish_reasons=call.finish_reasons,
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        cost_usd=call.cost_usd,
        latency_ms=call.latency_ms,
    )


def replayed_side(plan: ReplayPlan, outcome: Outcome, price: Pricer) -> Side:
    """Return what came back, counted and priced as a recorded call is."""
    fields = outcome.fields
    counted = usage.read_usage(plan.api, fields.usage, response=outcome.body)
    reported = usage.read_reported_cost(fields.usage)
    tier = usage.read_service_tier(outcome.body) or fields.service_tier
    model = fields.model or plan.model
    cost = price(plan.provider, model, counted or TokenUsage(), tier, reported)
    is_known = counted is not None or reported is not None
    return Side(
        text=answer_text(plan.api, outcome.body),
        model=model,
        finish_reasons=fields.finish_reasons,
        input_tokens=None if counted is None else counted.input_tokens,
        output_tokens=None if counted is None else counted.output_tokens,
        cost_usd=cost.total_usd if is_known else None,
        latency_ms=outcome.latency_ms,
    )


def answer_text(api: str, body: JsonObject | None) -> str | None:
    """Return what a plain or merged body answers, as text for people; None without a body.

    Reasoning is left out: it is not the answer. Embeddings answer with their dimensions.
    """
    if body is None:
        return None
    messages = wire.output_messages(api, body)
    if not messages:
        return _embeddings_text(body)
    several = len(messages) > 1
    found: list[str] = []
    for number, message in enumerate(messages):
        if several:
            found.append(f"[choice {number}]")
        found.extend(_part_text(part) for part in message.parts if part["type"] != "reasoning")
    return "\n".join(found)


def _part_text(part: JsonObject) -> str:
    if part["type"] in {"text", "refusal"}:
        return str(part.get("content", ""))
    if part["type"] == "tool_call":
        arguments = json.dumps(part.get("arguments"), ensure_ascii=False, sort_keys=True)
        return f"{part.get('name')}({arguments})"
    return json.dumps(part, ensure_ascii=False, sort_keys=True, default=str)


def _embeddings_text(body: JsonObject) -> str:
    data = wire.strip_vectors("openai.embeddings", dict(body))
    rows = cast("JsonObject", data).get("data")
    return json.dumps(rows, ensure_ascii=False, sort_keys=True) if rows else ""
