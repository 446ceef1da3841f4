"""Token counts, prompt caches and rate-limit headroom, by rules simple enough to do by hand.

* A token is four characters, rounded up: ``ceil(len(text) / 4)``; a prompt is counted as one text,
  its segments joined without a separator.
* OpenAI caches by itself: of a prompt whose beginning was seen before (same model, last 10
  minutes), full blocks of 128 tokens are read, once there are at least 1024 tokens of them.
* Anthropic caches up to each ``cache_control`` breakpoint of at least 1024 tokens, for 5 minutes
  or 1 hour; the longest live prefix is read, what follows up to each breakpoint is written.

Real providers count by model-specific tokenizers; nobody should compare these numbers to theirs.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from llmtrace.testing.provider.records import Counts, Headroom

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmtrace.clock import Clock
    from llmtrace.testing.provider.records import Answer, Segment

CHARS_PER_TOKEN = 4
MIN_CACHED_TOKENS = 1024
OPENAI_BLOCK_TOKENS = 128
OPENAI_TTL_S = 600
ANTHROPIC_1H_S = 3600
_MAX_PREFIXES = 50_000


def count_tokens(text: str) -> int:
    """Return the tokens of ``text``: four characters each, rounded up."""
    return -(-len(text) // CHARS_PER_TOKEN)


def output_tokens(answers: Iterable[Answer]) -> int:
    """Return the tokens of what is said and called, reasoning excluded."""
    return sum(
        count_tokens(answer.text)
        + count_tokens(answer.refusal or "")
        + sum(count_tokens(call.name + call.arguments) for call in answer.tool_calls)
        for answer in answers
    )


class PromptCache:
    """Prefixes of prompts seen before, per model; thread-safe, forgets the oldest when full."""

    def __init__(self, clock: Clock) -> None:
        """Expire entries by ``clock``'s monotonic time."""
        self._clock = clock
        self._lock = threading.Lock()
        self._expiry_ns: OrderedDict[str, int] = OrderedDict()

    def meter_openai(self, model: str, segments: tuple[Segment, ...]) -> Counts:
        """Count a prompt and what OpenAI's automatic cache holds of it, then remember it."""
        text = "".join(segment.text for segment in segments)
        total = count_tokens(text)
        size = OPENAI_BLOCK_TOKENS * CHARS_PER_TOKEN
        ends = range(size, len(text) + 1, size)
        keys = _prefix_keys(model, (text[end - size : end] for end in ends))
        with self._lock:
            hits = self._leading_hits(keys)
            for key in keys:
                self._remember(key, OPENAI_TTL_S)
        cached = hits * OPENAI_BLOCK_TOKENS
        cached = cached if cached >= MIN_CACHED_TOKENS else 0
        return Counts(input_uncached=total - cached, cache_read=cached)

    def meter_anthropic(self, model: str, segments: tuple[Segment, ...]) -> Counts:
        """Count a prompt by its breakpoints: read, written for 5 minutes or 1 hour, neither."""
        keys = _prefix_keys(model, (segment.text for segment in segments))
        ends = _cumulative_tokens(segments)
        breakpoints = [
            index
            for index, segment in enumerate(segments)
            if segment.cache_ttl_s is not None and ends[index] >= MIN_CACHED_TOKENS
        ]
        with self._lock:
            candidates = range(breakpoints[-1], -1, -1) if breakpoints else range(0)
            hit = next((i for i in candidates if self._is_live(keys[i])), None)
            for index in breakpoints:
                self._remember(keys[index], segments[index].cache_ttl_s or 0)
        read = position = ends[hit] if hit is not None else 0
        written = {True: 0, False: 0}
        for index in breakpoints:
            is_1h = (segments[index].cache_ttl_s or 0) >= ANTHROPIC_1H_S
            written[is_1h] += max(0, ends[index] - position)
            position = max(position, ends[index])
        total = ends[-1] if ends else 0
        return Counts(
            input_uncached=total - position,
            cache_read=read,
            cache_write_5m=written[False],
            cache_write_1h=written[True],
        )

    def _leading_hits(self, keys: list[str]) -> int:
        for index, key in enumerate(keys):
            if not self._is_live(key):
                return index
        return len(keys)

    def _is_live(self, key: str) -> bool:
        return self._expiry_ns.get(key, -1) > self._clock.monotonic_ns()

    def _remember(self, key: str, ttl_s: int) -> None:
        expiry_ns = self._clock.monotonic_ns() + ttl_s * 1_000_000_000
        self._expiry_ns[key] = max(expiry_ns, self._expiry_ns.get(key, 0))
        self._expiry_ns.move_to_end(key)
        if len(self._expiry_ns) > _MAX_PREFIXES:
            self._expiry_ns.popitem(last=False)


class RateLimit:
    """A bucket of requests and one of tokens a minute, refilled evenly; thread-safe."""

    def __init__(self, requests: int, tokens: int, clock: Clock) -> None:
        """Start full; ``requests`` and ``tokens`` are per minute."""
        self._limits = (requests, tokens)
        self._left = [float(requests), float(tokens)]
        self._clock = clock
        self._at_ns = clock.monotonic_ns()
        self._lock = threading.Lock()

    def take(self, tokens: int) -> Headroom:
        """Count one request of ``tokens`` and say what is left (never below 0)."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            passed_s = (now_ns - self._at_ns) / 1e9
            self._at_ns = now_ns
            for index, used in enumerate((1, tokens)):
                limit = self._limits[index]
                refilled = min(limit, self._left[index] + limit * passed_s / 60)
                self._left[index] = max(0.0, refilled - used)
            left = tuple(self._left)
        requests, tokens_a_minute = self._limits
        return Headroom(
            limit_requests=requests,
            remaining_requests=int(left[0]),
            limit_tokens=tokens_a_minute,
            remaining_tokens=int(left[1]),
            reset_requests_s=60 * (1 - left[0] / requests),
            reset_tokens_s=60 * (1 - left[1] / tokens_a_minute),
            now_unix=self._clock.now().timestamp(),
        )


def _prefix_keys(model: str, parts: Iterable[str]) -> list[str]:
    """Return one key a part that stands for the model and everything up to that part's end."""
    digest = hashlib.sha256(model.encode())
    keys: list[str] = []
    for part in parts:
        digest.update(b"\x00" + part.encode("utf-8", "surrogatepass"))
        keys.append(digest.hexdigest())
    return keys


def _cumulative_tokens(segments: tuple[Segment, ...]) -> list[int]:
    """Return the tokens from the start to each segment's end, so that parts add up exactly."""
    ends: list[int] = []
    chars = 0
    for segment in segments:
        chars += len(segment.text)
        ends.append(-(-chars // CHARS_PER_TOKEN))
    return ends
