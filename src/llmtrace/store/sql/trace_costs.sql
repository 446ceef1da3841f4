-- What did the calls of one trace cost, by kind of token?
--
-- $1  trace id, 32 hex digits
-- $2  from, $3  to   UTC timestamps, both inclusive: when its spans start
--
-- One row. Columns, as those of one call: input_tokens, output_tokens, cache_read_tokens,
-- cache_write_tokens, reasoning_tokens, cost_usd, cost_input_usd, cost_output_usd,
-- cost_cache_read_usd, cost_cache_write_usd, cost_tools_usd (NULL if unknown of every call)
select
    sum(input_tokens)::bigint as input_tokens,
    sum(output_tokens)::bigint as output_tokens,
    sum(cache_read_tokens)::bigint as cache_read_tokens,
    sum(cache_write_tokens)::bigint as cache_write_tokens,
    sum(reasoning_tokens)::bigint as reasoning_tokens,
    sum(cost_usd) as cost_usd,
    sum(cost_input_usd) as cost_input_usd,
    sum(cost_output_usd) as cost_output_usd,
    sum(cost_cache_read_usd) as cost_cache_read_usd,
    sum(cost_cache_write_usd) as cost_cache_write_usd,
    sum(cost_tools_usd) as cost_tools_usd
from spans
where
    trace_id = $1::uuid
    and start_time between $2::timestamp and $3::timestamp
    and is_inference
