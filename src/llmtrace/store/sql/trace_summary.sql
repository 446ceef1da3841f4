-- What did one trace take, in sum?
--
-- $1  trace id, 32 hex digits
-- $2  from, $3  to   UTC timestamps, both inclusive: when its spans start
--
-- One row, or none if the trace is unknown. Columns: start_time (UTC), duration_ms, name (of the
-- root), user_id, tenant, session_id, feature, service, environment (of the first span that has
-- one), spans, llm_calls, errors (failed spans of any kind), input_tokens, output_tokens (NULL
-- unknown), cost_usd (NULL if nothing is priced), unpriced_calls (as the metric unpriced_count)
select
    min(start_time) as start_time,
    epoch_us(max(end_time) - min(start_time)) / 1e3 as duration_ms,
    coalesce(
        arg_min(name, start_time) filter (where parent_span_id is null),
        arg_min(name, start_time)
    ) as name,
    arg_min(user_id, start_time) as user_id,
    arg_min(tenant, start_time) as tenant,
    arg_min(session_id, start_time) as session_id,
    arg_min(feature, start_time) as feature,
    arg_min(service, start_time) as service,
    arg_min(environment, start_time) as environment,
    count(*) as spans,
    count(*) filter (where is_inference) as llm_calls,
    count(*) filter (where status = 'error') as errors,
    (sum(input_tokens) filter (where is_inference))::bigint as input_tokens,
    (sum(output_tokens) filter (where is_inference))::bigint as output_tokens,
    sum(cost_usd) filter (where is_inference) as cost_usd,
    count(*) filter (
        where is_inference and cost_usd is null
        and (status = 'ok' or input_tokens is not null or output_tokens is not null)
    ) as unpriced_calls
from spans
where
    trace_id = $1::uuid
    and start_time between $2::timestamp and $3::timestamp
having count(*) > 0
