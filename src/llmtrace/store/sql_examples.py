"""Queries to begin with, for the SQL console and ``docs/sql.md``. Data; a test runs each."""

from __future__ import annotations

from typing import Final

EXAMPLES: Final[dict[str, str]] = {
    "What each model cost, last 7 days": """\
select
    model,
    count(*) as requests,
    sum(cost_usd) as cost_usd,
    sum(input_tokens) as input_tokens,
    sum(output_tokens) as output_tokens
from llm_calls
where start_time >= now()::timestamp - interval 7 days
group by model
order by cost_usd desc nulls last""",
    "Cost by hour and model, last 48 hours": """\
select
    date_trunc('hour', start_time) as hour,
    coalesce(model, '(none)') as model,
    sum(cost_usd) as cost_usd
from llm_calls
where start_time >= now()::timestamp - interval 48 hours
group by all
order by hour""",
    "Whom the money went to, this month": """\
select
    user_id,
    count(*) as requests,
    sum(cost_usd) as cost_usd,
    sum(cost_usd) / count(*) as cost_per_request_usd
from llm_calls
where start_time >= date_trunc('month', now()::timestamp)
group by user_id
order by cost_usd desc nulls last
limit 50""",
    "The dearest calls of today": """\
select start_time, model, user_id, feature, input_tokens, output_tokens, cost_usd, trace_id
from llm_calls
where start_time >= current_date
order by cost_usd desc nulls last
limit 20""",
    "Latency by model: median and 95th percentile": """\
select
    model,
    count(*) as requests,
    quantile_disc(latency_ms, 0.5) as p50_ms,
    quantile_disc(latency_ms, 0.95) as p95_ms,
    quantile_disc(ttfc_ms, 0.5) as first_chunk_p50_ms
from llm_calls
where start_time >= now()::timestamp - interval 24 hours
group by model
order by p95_ms desc""",
    "What failed, and how often": """\
select error_type, http_status, provider, count(*) as calls, max(start_time) as latest
from errors
where start_time >= now()::timestamp - interval 7 days
group by all
order by calls desc""",
    "How much of the input came from a cache": """\
select
    feature,
    sum(cache_read_tokens) as cached_tokens,
    sum(input_tokens) as input_tokens,
    sum(cache_read_tokens) / sum(input_tokens) as share,
    sum(cache_savings_usd) as saved_usd
from llm_calls
where start_time >= now()::timestamp - interval 7 days
group by feature
order by input_tokens desc nulls last""",
    "Calls whose prompt names something": """\
select start_time, model, user_id, cost_usd, trace_id
from llm_calls_full
where start_time >= now()::timestamp - interval 24 hours
    and contains(request_body, 'order')
order by start_time desc
limit 50""",
    "Dear conversations": """\
select session_id, user_id, traces, llm_calls, cost_usd, end_time - start_time as lasted
from sessions
order by cost_usd desc nulls last
limit 20""",
}
"""Title → text."""


def first_rows(view: str) -> str:
    """Return a query for what a view holds, to look at."""
    return f"from {view}\nlimit 100"
