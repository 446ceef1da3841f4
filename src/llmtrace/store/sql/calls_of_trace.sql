-- Which calls were made in one trace, bodies included?
--
-- $1  trace id, 32 lower-case hex digits
-- $2  from, $3  to   UTC timestamps, both inclusive: when its spans start
-- $4  limit, calls
--
-- Columns: those of llm_calls_full, oldest call first
select *
from llm_calls_full
where
    start_time between $2::timestamp and $3::timestamp
    and trace_id = $1
order by start_time, span_id
limit $4::bigint
