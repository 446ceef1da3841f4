-- What happened in one trace? Every span, in order of start; for a waterfall.
--
-- $1  trace id, 32 hex digits
-- $2  from, $3  to   UTC timestamps, both inclusive: when its spans start
-- $4  limit, spans
--
-- Columns: span_id, parent_span_id (hex, NULL for a root), name, start_time (UTC), start_ms (since
-- the trace's first span), duration_ms, status, error_type, is_inference, operation, provider,
-- model, tool_name, input_tokens, output_tokens (NULL unknown), cost_usd (NULL unpriced)
select
    printf('%016x', span_id) as span_id,
    printf('%016x', parent_span_id) as parent_span_id,
    name,
    start_time,
    epoch_us(start_time - min(start_time) over ()) / 1e3 as start_ms,
    epoch_us(end_time - start_time) / 1e3 as duration_ms,
    status,
    error_type,
    is_inference,
    operation,
    provider,
    coalesce(response_model, request_model) as model,
    tool_name,
    input_tokens,
    output_tokens,
    cost_usd
from spans
where
    trace_id = $1::uuid
    and start_time between $2::timestamp and $3::timestamp
order by start_time, span_id
limit $4::bigint
