-- Schema 7: _calls has the times as they are stored too. Ordered by those DuckDB passes over what cannot be
-- among the slowest; ordered by milliseconds, which are computed, it looks at every call. The views for
-- people have the columns they had.

create or replace view _calls as
select
    start_time,
    end_time,
    replace(trace_id::varchar, '-', '') as trace_id,
    printf('%016x', span_id) as span_id,
    printf('%016x', parent_span_id) as parent_span_id,
    name,
    service,
    environment,
    sdk,
    origin,
    provider,
    operation,
    request_model,
    response_model,
    coalesce(response_model, request_model) as model,
    user_id,
    tenant,
    session_id,
    feature,
    tags,
    status,
    status = 'error' as is_error,
    error_type,
    status_message,
    http_status,
    finish_reasons,
    response_id,
    request_id,
    service_tier,
    is_stream,
    stream_outcome,
    retry_count,
    duration_ns / 1e6 as latency_ms,
    ttfc_ns / 1e6 as ttfc_ms,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    cache_write_5m_tokens,
    cache_write_1h_tokens,
    reasoning_tokens,
    usage_source,
    usage_anomaly,
    cost_usd,
    cost_input_usd,
    cost_output_usd,
    cost_cache_read_usd,
    cost_cache_write_usd,
    cost_tools_usd,
    cost_source,
    price_version,
    -- A call that failed before it was answered costs nothing that is known: no price is missing.
    cost_usd is null and (status is distinct from 'error' or input_tokens is not null) as is_unpriced,
    cache_status,
    cache_savings_usd,
    rate_limit_limit_requests,
    rate_limit_remaining_requests,
    rate_limit_limit_tokens,
    rate_limit_remaining_tokens,
    attributes,
    api,
    trace_id as trace_uuid,
    span_id as span_number,
    duration_ns,
    ttfc_ns
from spans
where is_inference;

create or replace view llm_calls as
select * exclude (api, trace_uuid, span_number, duration_ns, ttfc_ns)
from _calls;

create or replace view llm_calls_full as
select
    c.* exclude (api, trace_uuid, span_number, duration_ns, ttfc_ns),
    c.api,
    p.request_body,
    p.response_body,
    p.input_messages,
    p.output_messages,
    p.system_instructions,
    p.tool_definitions,
    p.usage_raw,
    p.redacted,
    p.truncated
from _calls as c
left join payloads as p
    on
        p.start_time = c.start_time
        and p.trace_id = c.trace_uuid
        and p.span_id = c.span_number;
