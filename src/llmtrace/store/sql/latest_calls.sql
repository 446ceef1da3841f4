-- Which calls were made last?
--
-- $1  limit, calls
--
-- Columns: span_id, trace_id (hex), start_time (UTC), model
select
    printf('%016x', span_id) as span_id,
    replace(trace_id::varchar, '-', '') as trace_id,
    start_time,
    coalesce(response_model, request_model) as model
from (
    -- As they are stored: else ids would be written for every call that is looked at.
    select
        start_time,
        trace_id,
        span_id,
        response_model,
        request_model
    from spans
    where is_inference
    order by start_time desc
    limit $1::bigint
)
order by start_time desc
