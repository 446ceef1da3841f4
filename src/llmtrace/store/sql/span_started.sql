-- When did one span start?
--
-- $1  trace id, 32 hex digits
-- $2  span id, decimal digits
--
-- One row, or none if the span is unknown. Columns: start_time (UTC)
select start_time
from spans
where
    trace_id = $1::uuid
    and span_id = $2::ubigint
limit 1
