-- Which calls were made last?
--
-- $1  limit, calls
--
-- Columns: span_id, trace_id (hex), start_time (UTC), model
select
    span_id,
    trace_id,
    start_time,
    model
from llm_calls
order by start_time desc
limit $1::bigint
