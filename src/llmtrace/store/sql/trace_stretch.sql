-- From when to when do the spans of one trace start?
--
-- $1  trace id, 32 hex digits
--
-- One row. Columns: first, last (UTC; NULL if the trace is unknown)
select
    min(start_time) as first,
    max(start_time) as last
from spans
where trace_id = $1::uuid
