-- Which calls were made in one trace, bodies included?
--
-- $1  trace id, 32 lower-case hex digits
-- $2  limit, calls
--
-- Columns: those of llm_calls_full, oldest call first
select *
from llm_calls_full
where trace_id = $1
order by start_time, span_id
limit $2::bigint
