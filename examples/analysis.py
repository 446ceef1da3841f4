"""Spend per model and day as a pandas DataFrame, with money exact to the last digit.

python examples/analysis.py
"""

import llmtrace

with llmtrace.connect() as db:
    print(
        db.sql(
            """
            select day, model, sum(requests) as requests, sum(cost_usd) as cost_usd,
                   sum(unpriced_calls) as unpriced_calls
            from daily_cost
            group by all
            order by day desc, cost_usd desc nulls last
            """
        ).df()
    )
