"""What single calls cost: how many of them, by size, in steps of 1, 2 and 5."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from llmtrace.store.metric_rows import calls_with, of_its_calls
from llmtrace.store.own_sql import ask

if TYPE_CHECKING:
    import pyarrow as pa

    from llmtrace.store.metrics import MetricQuery
    from llmtrace.store.reading import Store

_COST: Final = "decimal(18, 12)"
"""As costs are stored: up to a million dollars."""
_STEPS: Final = (
    Decimal(0),
    *(Decimal(digit).scaleb(places) for places in range(-12, 6) for digit in (1, 2, 5)),
)


def cost_distribution(store: Store, query: MetricQuery) -> pa.Table:
    """Return the priced calls within a question's range and filters, by what each cost.

    Columns: ``from_usd`` (DECIMAL, inclusive; 0 for calls that cost nothing), where the step begins
    that an amount is in, ``calls``, and ``cost_usd``, what they cost together; steps without calls
    have no row, the others are in order. Measures and groups of the question do not matter.

    Raises QueryError for an unknown dimension or an empty range.
    """
    parameters: list[object] = []
    rows = calls_with(of_its_calls(query), parameters, ["cost_usd"])
    begins = ", ".join(_as_cost(step) for step in _STEPS)
    sql = f"""
        select ([{begins}])[place + 1] as from_usd, calls, cost_usd
        from (
            select {_place(0, len(_STEPS))} as place, count(*) as calls, sum(cost_usd) as cost_usd
            from ({rows})
            where cost_usd >= 0
            group by place
        )
        order by from_usd
    """  # noqa: S608  # text of ours
    return ask(store, sql, parameters)


def _place(first: int, end: int) -> str:
    """Return SQL of where in ``_STEPS`` the step of ``cost_usd`` is, by halving: six comparisons.

    Of the amounts as they are stored, so that one at an edge is in the step that begins there.
    """
    if end - first == 1:
        return f"{first}::utinyint"
    middle = (first + end) // 2
    lower, upper = _place(first, middle), _place(middle, end)
    return f"case when cost_usd < {_as_cost(_STEPS[middle])} then {lower} else {upper} end"


def _as_cost(amount: Decimal) -> str:
    # Of the column's own type: DuckDB would make every amount larger to compare it with another.
    return f"{amount:f}::{_COST}"
