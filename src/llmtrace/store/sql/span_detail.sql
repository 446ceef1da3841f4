-- What is known of one span, but for its bodies (span_bodies.sql)?
--
-- $1  trace id, 32 hex digits
-- $2  span id, decimal digits
-- $3  when it started, UTC timestamp: what lies elsewhere in time is not looked at
--
-- Columns: every column of spans that is meant for people, ids as hex, model (response, else
-- request model), latency_ms, ttfc_ms, and resource (attributes of the process).
select
    s.* exclude (trace_id, span_id, parent_span_id, duration_ns, ttfc_ns, resource_id),
    replace(s.trace_id::varchar, '-', '') as trace_id,
    printf('%016x', s.span_id) as span_id,
    printf('%016x', s.parent_span_id) as parent_span_id,
    coalesce(s.response_model, s.request_model) as model,
    s.duration_ns / 1e6 as latency_ms,
    s.ttfc_ns / 1e6 as ttfc_ms,
    r.attributes as resource
from spans as s
left join resources as r on r.resource_id = s.resource_id
where
    s.start_time = $3::timestamp
    and s.trace_id = $1::uuid
    and s.span_id = $2::ubigint
limit 1
