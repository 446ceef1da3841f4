-- Which calls cost what the price list says, and what did they consume?
--
-- Parameters: $1 start (UTC, inclusive), $2 most rows
-- Columns: start_time (UTC), api, operation, provider, request_model, response_model, service_tier,
-- the token columns of llm_calls, usage_source, usage_raw, attributes; newest first
select
    start_time,
    api,
    operation,
    provider,
    request_model,
    response_model,
    service_tier,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    cache_write_5m_tokens,
    cache_write_1h_tokens,
    reasoning_tokens,
    usage_source,
    usage_raw,
    attributes
from llm_calls_full
where start_time >= $1 and cost_source in ('list', 'estimated', 'unpriced')
order by start_time desc
limit $2
