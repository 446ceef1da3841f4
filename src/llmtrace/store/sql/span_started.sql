-- When did one span start?
--
-- $1  trace id, 32 hex digits
-- $2  span id, decimal digits
--
-- One row, or none if the span is unknown. Columns: start_time (UTC)
select start_time
from spans
where
    -- First what is half as long: the other is only read where this one fits.
    span_id = $2::ubigint
    and trace_id = $1::uuid
limit 1
