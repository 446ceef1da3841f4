-- Which calls failed last?
--
-- $1  from   UTC timestamp, inclusive
-- $2  to     UTC timestamp, exclusive
-- $3 … $8    varchar[]: environments, providers, models, users, features, tenants; empty for all
-- $9, $10    varchar[]: keys of tags, and the key, chr(31), value of each tag that fits; both empty for all
-- $11 limit  rows
--
-- Columns: start_time (UTC), trace_id, span_id (hex), provider, model, user_id, feature,
-- error_type, http_status, status_message (what the provider or SDK said; untrusted text)
select
    start_time,
    trace_id,
    span_id,
    provider,
    model,
    user_id,
    feature,
    error_type,
    http_status,
    status_message
from llm_calls
where
    is_error
    and start_time >= $1::timestamp
    and start_time < $2::timestamp
    and (len($3::varchar[]) = 0 or list_contains($3::varchar[], environment))
    and (len($4::varchar[]) = 0 or list_contains($4::varchar[], provider))
    and (len($5::varchar[]) = 0 or list_contains($5::varchar[], model))
    and (len($6::varchar[]) = 0 or list_contains($6::varchar[], user_id))
    and (len($7::varchar[]) = 0 or list_contains($7::varchar[], feature))
    and (len($8::varchar[]) = 0 or list_contains($8::varchar[], tenant))
    and (
        len($9::varchar[]) = 0 or len(
            list_filter(
                $9::varchar[],
                lambda key: list_contains($10::varchar[], key || chr(31) || tags[key])
            )
        ) = len($9::varchar[])
    )
order by start_time desc, span_id
limit $11::bigint
