-- Which calls have a span id that begins so, bodies included?
--
-- $1  beginning of a span id, lower-case hex digits
-- $2  from, $3  to   UTC timestamps, both inclusive: when they start
-- $4  limit, calls
--
-- Columns: those of llm_calls_full, oldest call first
select *
from llm_calls_full
where
    start_time between $2::timestamp and $3::timestamp
    and starts_with(span_id, $1)
order by start_time, span_id
limit $4::bigint
