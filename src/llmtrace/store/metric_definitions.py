"""What every measure and dimension means, once, as a table that the documentation quotes.

Calls are the rows of ``llm_calls``; a call belongs to the moment it *started*. Unknown is NULL and
takes no part in a sum or percentile; a sum of nothing known is NULL, a count of nothing is 0.
Percentiles are nearest rank: the smallest value that at least so many percent of the calls do not
exceed, so it is always a value that occurred; over more than ``metric_plan.EXACT_CALLS`` calls, or
where spans were deleted, it comes from the rollups' histogram and is within 2.2 % of that value.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmtrace.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable

TAG_PREFIX: Final = "tag."


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a group of calls."""

    sql: str
    """Aggregate over ``llm_calls``."""
    unit: str
    """``calls``, ``ratio`` (0 to 1), ``USD``, ``tokens``, ``tokens/call``, ``ms``, ``tokens/s``,
    ``retries``, ``users``, ``tenants`` or ``sessions``."""
    meaning: str
    rolled: str | None = None
    """The same over rows of the rollups that have its columns; None for what they cannot tell
    (percentiles do not add up): it is asked of the calls, and knows nothing of deleted spans."""
    percentile: tuple[str, str] | None = None
    """Of a percentile: the histogram's ``kind`` and the share, as SQL."""


# Error types are class names (RateLimitError), provider codes (rate_limit_error) or statuses.
_ERROR_WORD: Final = "replace(lower(coalesce(error_type, '')), '_', '')"
RATE_LIMITED: Final = (
    f"is_error and (http_status = 429 or error_type = '429' "
    f"or contains({_ERROR_WORD}, 'ratelimit'))"
)
UNAUTHORIZED: Final = (
    f"is_error and (http_status in (401, 403) or error_type in ('401', '403') "
    f"or contains({_ERROR_WORD}, 'authentication') or contains({_ERROR_WORD}, 'permission'))"
)
TIMED_OUT: Final = (
    f"is_error and (http_status in (408, 504) or error_type in ('408', '504') "
    f"or contains({_ERROR_WORD}, 'timeout'))"
)

HEADROOM: Final = (
    "least(rate_limit_remaining_requests / nullif(rate_limit_limit_requests, 0), "
    "rate_limit_remaining_tokens / nullif(rate_limit_limit_tokens, 0))"
)

# Of a call: its tokens, unknown only if neither side of them is known.
_TOKENS: Final = (
    "case when input_tokens is not null or output_tokens is not null "
    "then coalesce(input_tokens, 0) + coalesce(output_tokens, 0) end"
)


def _percentile(kind: str, share: str, meaning: str) -> Measure:
    return Measure(f"quantile_disc({kind}_ms, {share})", "ms", meaning, percentile=(kind, share))


def _count(column: str) -> str:
    return f"coalesce(sum({column}), 0)::bigint"


def _sum(column: str, calls: str, kind: str | None = None) -> str:
    """Add up what is known of at least one call."""
    total = f"sum({column})" if kind is None else f"sum({column})::{kind}"
    return f"case when sum({calls}) > 0 then {total} end"


MEASURES: Final[dict[str, Measure]] = {
    "requests": Measure(
        "count(*)",
        "calls",
        "Calls that the app made. An SDK's own retries are not counted apart.",
        _count("call_count"),
    ),
    "errors": Measure(
        "count(*) filter (where is_error)",
        "calls",
        "Calls that ended in an error, rate limits included. A refusal or a content filter in "
        "a complete answer is not an error; a failed attempt that a retry mended is not either.",
        _count("errors"),
    ),
    "error_rate": Measure(
        "count(*) filter (where is_error) / nullif(count(*), 0)",
        "ratio",
        "errors ÷ requests; NULL without requests.",
        "sum(errors) / nullif(sum(call_count), 0)",
    ),
    "cost": Measure(
        "sum(cost_usd)",
        "USD",
        "Exact sum of what is priced. NULL if no call is; read `unpriced_count` beside it.",
        _sum("cost_usd", "priced_calls"),
    ),
    "cost_per_request": Measure(
        "(sum(cost_usd) / nullif(count(cost_usd), 0))::decimal(18, 12)",
        "USD",
        "cost ÷ the calls that are priced, rounded to 12 decimals; NULL if none is.",
        "(sum(cost_usd) / nullif(sum(priced_calls), 0))::decimal(18, 12)",
    ),
    "cost_per_1k_tokens": Measure(
        f"(sum(cost_usd) filter (where ({_TOKENS}) is not null) "
        f"/ nullif(sum({_TOKENS}) filter (where cost_usd is not null), 0) * 1000)"
        "::decimal(18, 12)",
        "USD",
        "What 1,000 tokens, in and out, cost: cost ÷ tokens of the calls that are priced and told "
        "their tokens, times 1,000, rounded to 12 decimals. Unpriced calls are left out of both.",
        "(sum(paired_cost_usd) / nullif(sum(paired_tokens), 0) * 1000)::decimal(18, 12)",
    ),
    "input_tokens": Measure(
        "sum(input_tokens)::bigint",
        "tokens",
        "All input, what came from a cache included.",
        _sum("input_tokens", "input_calls", "bigint"),
    ),
    "output_tokens": Measure(
        "sum(output_tokens)::bigint",
        "tokens",
        "All output, reasoning included.",
        _sum("output_tokens", "output_calls", "bigint"),
    ),
    "cache_read_tokens": Measure(
        "sum(cache_read_tokens)::bigint",
        "tokens",
        "The part of the input read from a cache.",
        _sum("cache_read_tokens", "cache_read_calls", "bigint"),
    ),
    "cache_write_tokens": Measure(
        "sum(cache_write_tokens)::bigint",
        "tokens",
        "The part of the input written to a cache.",
    ),
    "uncached_input_tokens": Measure(
        "sum(greatest(input_tokens - coalesce(cache_read_tokens, 0) "
        "- coalesce(cache_write_tokens, 0), 0))::bigint",
        "tokens",
        "The part of the input neither read from a cache nor written to one.",
    ),
    "reasoning_tokens": Measure(
        "sum(reasoning_tokens)::bigint",
        "tokens",
        "The part of the output that is reasoning, of calls that tell it; it is billed as output.",
    ),
    "answer_tokens": Measure(
        "sum(greatest(output_tokens - coalesce(reasoning_tokens, 0), 0))::bigint",
        "tokens",
        "output_tokens less reasoning_tokens: what the answer itself is made of.",
    ),
    "input_tokens_per_request": Measure(
        "sum(input_tokens) / nullif(count(input_tokens), 0)",
        "tokens/call",
        "input_tokens ÷ the calls that told them.",
        "sum(input_tokens) / nullif(sum(input_calls), 0)",
    ),
    "output_tokens_per_request": Measure(
        "sum(output_tokens) / nullif(count(output_tokens), 0)",
        "tokens/call",
        "output_tokens ÷ the calls that told them.",
        "sum(output_tokens) / nullif(sum(output_calls), 0)",
    ),
    "total_tokens": Measure(
        "(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) filter "
        "(where input_tokens is not null or output_tokens is not null))::bigint",
        "tokens",
        "input_tokens + output_tokens.",
        "case when sum(token_calls) > 0 then (sum(input_tokens) + sum(output_tokens))::bigint end",
    ),
    "latency_p50": _percentile(
        "latency",
        "0.5",
        "From the call to the end of its answer (a stream's last chunk), failed calls and "
        "the SDK's retries included.",
    ),
    "latency_p95": _percentile("latency", "0.95", "As `latency_p50`."),
    "latency_p99": _percentile("latency", "0.99", "As `latency_p50`."),
    "ttfc_p50": _percentile("ttfc", "0.5", "Time to the first chunk, of streamed calls only."),
    "ttfc_p95": _percentile("ttfc", "0.95", "As `ttfc_p50`."),
    "ttfc_p99": _percentile("ttfc", "0.99", "As `ttfc_p50`."),
    "tokens_per_second": Measure(
        "sum(output_tokens) filter (where latency_ms > 0) / "
        "nullif(sum(latency_ms) filter (where output_tokens is not null and latency_ms > 0), 0) "
        "* 1000",
        "tokens/s",
        "Output tokens ÷ seconds of latency, over calls where both are known.",
        "sum(timed_output_tokens) / nullif(sum(timed_ns) / 1e6, 0) * 1000",
    ),
    "cache_hit_rate": Measure(
        "count(*) filter (where cache_status = 'hit') / "
        "nullif(count(*) filter (where cache_status in ('hit', 'miss')), 0)",
        "ratio",
        "Calls that read from a cache ÷ calls that did or could have (`hit` or `miss`).",
        "sum(cache_hits) / nullif(sum(cache_hits) + sum(cache_misses), 0)",
    ),
    "cache_token_rate": Measure(
        "sum(cache_read_tokens) / nullif(sum(input_tokens), 0)",
        "ratio",
        "cache_read_tokens ÷ input_tokens, over all calls: one that says nothing of a cache "
        "counts with all of its input. NULL if no call says anything of a cache.",
        "case when sum(cache_read_calls) > 0 then sum(cache_read_tokens) end "
        "/ nullif(sum(input_tokens), 0)",
    ),
    "cache_savings": Measure(
        "sum(cache_savings_usd)",
        "USD",
        "What cached input would have cost more, less what writing it cost more; can be negative.",
        _sum("cache_savings_usd", "savings_calls"),
    ),
    "rate_limit_hits": Measure(
        f"count(*) filter (where {RATE_LIMITED})",
        "calls",
        "Failed calls with HTTP 429 or a rate-limit error; they are in `errors` too.",
        _count("rate_limit_hits"),
    ),
    "auth_errors": Measure(
        f"count(*) filter (where {UNAUTHORIZED})",
        "calls",
        "Failed calls with HTTP 401, 403 or an authentication or permission error.",
        _count("auth_errors"),
    ),
    "timeouts": Measure(
        f"count(*) filter (where {TIMED_OUT})",
        "calls",
        "Failed calls with HTTP 408, 504 or a time-out.",
        _count("timeouts"),
    ),
    "retries": Measure(
        "sum(retry_count)::bigint",
        "retries",
        "Attempts after the first, made by the SDK.",
        _sum("retries", "retry_calls", "bigint"),
    ),
    "rate_limit_headroom": Measure(
        f"min({HEADROOM})",
        "ratio",
        "The least that was left of a rate limit, of requests or of tokens: remaining ÷ limit as "
        "the answers' headers said it. NULL where no answer said it.",
    ),
    "uncached_input_cost": Measure(
        "sum(cost_input_usd)",
        "USD",
        "The part of cost that input cost which no cache gave; NULL if it is known of no call.",
    ),
    "active_users": Measure(
        "count(distinct user_id)",
        "users",
        "Different users with a call; calls that name none are left out.",
    ),
    "active_tenants": Measure(
        "count(distinct tenant)",
        "tenants",
        "Different tenants with a call; calls that name none are left out.",
    ),
    "active_sessions": Measure(
        "count(distinct session_id)",
        "sessions",
        "Different sessions with a call; calls that name none are left out.",
    ),
    "stream_rate": Measure(
        "count(*) filter (where is_stream) / nullif(count(is_stream), 0)",
        "ratio",
        "Streamed calls ÷ the calls that say whether they were streamed.",
    ),
    "unpriced_count": Measure(
        "count(*) filter (where is_unpriced)",
        "calls",
        "Calls whose cost is unknown. A failed call for which no tokens were reported has "
        "nothing to price and is not among them.",
        _count("unpriced_calls"),
    ),
}
"""Name → definition. The names are columns of every answer."""

MONEY: Final = frozenset(name for name, measure in MEASURES.items() if measure.unit == "USD")

DIMENSIONS: Final[dict[str, str]] = {
    "provider": "provider",
    "model": "model",
    "user": "user_id",
    "tenant": "tenant",
    "session": "session_id",
    "feature": "feature",
    "service": "service",
    "environment": "environment",
    "operation": "operation",
    "status": "status",
    "error_type": "error_type",
    "finish_reason": "finish_reasons[1]",
    "cache_status": "cache_status",
    "usage": (
        "case when input_tokens is null and output_tokens is null "
        "then case when is_error then 'failed' else 'missing' end "
        "when usage_source = 'estimated' then 'estimated' "
        "when usage_source = 'partial' or input_tokens is null "
        "or (output_tokens is null and operation is distinct from 'embeddings') then 'partial' "
        "else 'reported' end"
    ),
    "retried": "case when retry_count > 0 then 'yes' when retry_count = 0 then 'no' end",
}
"""Name → SQL over ``llm_calls``; beside these there is ``tag.<key>`` for every tag.

``finish_reason`` is that of the first choice of an answer; ``cache_status`` is ``hit``, ``miss`` or
``bypass`` (no cache could take part); ``retried`` says whether the SDK tried more than once.
``usage`` says on whose word the tokens are: ``reported`` by the provider, ``partial`` (one side of
them only, or a stream left early), ``estimated`` by us, ``missing``, or ``failed`` without any.
"""


def check_measure(name: str) -> None:
    """Raise QueryError, with what is near, unless ``name`` is a measure."""
    if name not in MEASURES:
        raise QueryError(f"unknown measure {name!r}{_near(name, MEASURES)}")


def check_dimension(name: str) -> None:
    """Raise QueryError, with what is near, unless ``name`` is a dimension or ``tag.<key>``."""
    if name in DIMENSIONS or (name.startswith(TAG_PREFIX) and name != TAG_PREFIX):
        return
    raise QueryError(f"unknown dimension {name!r}{_near(name, (*DIMENSIONS, 'tag.<key>'))}")


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(names)}"
