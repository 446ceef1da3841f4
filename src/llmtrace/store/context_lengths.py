"""How long prompts are: calls by their input tokens, in steps that double."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.store.metric_rows import calls, of_its_calls
from llmtrace.store.own_sql import ask

if TYPE_CHECKING:
    import pyarrow as pa

    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store


def context_lengths(store: Store, query: MetricQuery) -> pa.Table:
    """Return the calls within a question's range and filters by length of their prompt.

    Columns: from_tokens (0, 1, 2, 4, 8, …: up to the next), calls, input_tokens (their sum); in
    order. All input counts, what came from a cache too; calls that do not tell it are left out.
    Raises QueryError for an unknown dimension or an empty range.
    """
    parameters: list[object] = []
    rows = calls(of_its_calls(query), parameters)
    # The digits of the binary number, not its logarithm: that of a whole power may be rounded.
    sql = f"""
        select
            case when input_tokens <= 0 then 0
                else 1::bigint << (length(bin(input_tokens)) - 1) end as from_tokens,
            count(*) as calls,
            sum(input_tokens)::bigint as input_tokens
        from ({rows})
        where input_tokens is not null
        group by 1
        order by 1
    """  # noqa: S608  # text of ours
    return ask(store, sql, parameters)
