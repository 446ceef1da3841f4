-- Which calls have a span id that begins so, bodies included?
--
-- $1  beginning of a span id, lower-case hex digits
-- $2  limit, calls
--
-- Columns: those of llm_calls_full, oldest call first
select *
from llm_calls_full
where starts_with(span_id, $1)
order by start_time, span_id
limit $2::bigint
