-- Which calls are replays of a call?
--
-- $1  span id of the replayed call, lower-case hex digits
-- $2  start of the replayed call (UTC), before which it cannot have been replayed
-- $3  limit, calls
--
-- Columns: start_time (UTC), trace_id, span_id (hex), model, status, error_type, input_tokens,
-- output_tokens, cost_usd, is_unpriced, latency_ms; newest first
select
    start_time,
    trace_id,
    span_id,
    model,
    status,
    error_type,
    input_tokens,
    output_tokens,
    cost_usd,
    is_unpriced,
    latency_ms
from llm_calls
where start_time >= $2 and feature = 'replay' and tags['replay_of'] = $1
order by start_time desc, span_id
limit $3::bigint
