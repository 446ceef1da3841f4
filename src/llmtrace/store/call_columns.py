"""The columns of a call as SQL over ``spans``, for questions that our own code asks. Pure.

They are those of the view ``llm_calls``. To find out what all of its columns are takes DuckDB two
milliseconds for each question, more than most of the answers; here only what a question names is
asked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STORED: Final = (
    "start_time", "duration_ns", "ttfc_ns", "provider", "request_model", "response_model",
    "operation", "service", "environment", "user_id", "tenant", "session_id", "feature", "tags",
    "status", "error_type", "http_status", "finish_reasons", "is_stream", "retry_count",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
    "reasoning_tokens", "usage_source", "cost_usd", "cost_input_usd", "cache_status",
    "cache_savings_usd", "rate_limit_limit_requests", "rate_limit_remaining_requests",
    "rate_limit_limit_tokens", "rate_limit_remaining_tokens",
)  # fmt: skip
"""Columns that are stored as they are called."""
MODEL: Final = "coalesce(response_model, request_model)"
COMPUTED: Final = {
    "model": MODEL,
    "is_error": "status = 'error'",
    "is_unpriced": (
        "cost_usd is null and (status is distinct from 'error' or input_tokens is not null)"
    ),
    "latency_ms": "duration_ns / 1e6",
    "ttfc_ms": "ttfc_ns / 1e6",
}
_WORD: Final = re.compile(r"\w+")


def listed(texts: Iterable[str]) -> str:
    """Return, to be selected from ``spans``, every column that some SQL names; never none."""
    words = {word for text in texts for word in _WORD.findall(text)}
    stored = [name for name in STORED if name in words or name == "start_time"]
    computed = [f"{sql} as {name}" for name, sql in COMPUTED.items() if name in words]
    return ", ".join([*stored, *computed])


def one_of(
    column: str, values: Sequence[str], parameters: list[object], told: Sequence[object] = ()
) -> str:
    """Return that a column has one of some values; ``told`` is what its own ``?`` stand for."""
    if len(values) == 1:
        parameters.extend([*told, values[0]])
        return f"{column} = ?"
    # DuckDB asks this once for each different value of a column, "in" once for each row.
    parameters.extend([list(values), *told])
    return f"list_contains(?::varchar[], {column})"


def of_models(select: str, models: Sequence[str], parameters: list[object]) -> str:
    """Return a SELECT of calls, which ends in a condition, with those to some models alone.

    A model is what answered, or what was asked for: the first of two columns that is known.
    DuckDB compares one column while it reads it, and two only after it has read all others, in
    three times the time; so each column is a scan of its own.
    """
    answered = one_of("response_model", models, parameters)
    asked_for = one_of("request_model", models, parameters)
    return (
        f"{select} and {answered}\n    union all\n    "
        f"{select} and response_model is null and {asked_for}"
    )
