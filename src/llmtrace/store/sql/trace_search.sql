-- Which traces fit a search? Newest first, one page.
--
-- A trace fits if one of its spans in the range fits every filter. Its figures are those of all
-- its spans that started up to a day around the range.
--
-- $1  text     contained, whatever its case, in a span's name, model, user, session, feature, error,
--              or the beginning of its trace, span, response or request id; NULL or '' for all
-- $2  from     UTC timestamp, inclusive
-- $3  to       UTC timestamp, exclusive
-- $4  status   'ok' (no span failed) or 'error' (one did); NULL for both
-- $5 … $10     varchar[]: environments, providers, models, users, features, tenants; empty for all
-- $11, $12     varchar[]: keys of tags, and the key, chr(31), value of each tag that fits; both empty
--              for all
-- $13 cost     least cost of the trace in USD; NULL for all. An unpriced trace has no cost.
-- $14 latency  least duration of the trace in ms; NULL for all
-- $15, $16     start_time and trace_id of the last row of the page before; NULL for the first
-- $17 limit    rows
--
-- Columns: trace_id (hex), start_time (UTC), duration_ms, name (of the root), model (of the most
-- calls), models (count), user_id, tenant, feature, service, environment, status, spans, llm_calls,
-- errors, input_tokens, output_tokens (NULL unknown), cost_usd (NULL if nothing is priced),
-- unpriced_calls
with fitting as (
    select distinct trace_id
    from spans
    where
        start_time >= $2::timestamp
        and start_time < $3::timestamp
        and (len($5::varchar[]) = 0 or list_contains($5::varchar[], environment))
        and (len($6::varchar[]) = 0 or list_contains($6::varchar[], provider))
        and (
            len($7::varchar[]) = 0
            or list_contains($7::varchar[], coalesce(response_model, request_model))
        )
        and (len($8::varchar[]) = 0 or list_contains($8::varchar[], user_id))
        and (len($9::varchar[]) = 0 or list_contains($9::varchar[], feature))
        and (len($10::varchar[]) = 0 or list_contains($10::varchar[], tenant))
        and len(
            list_filter(
                $11::varchar[],
                lambda key: list_contains($12::varchar[], key || chr(31) || tags[key])
            )
        ) = len($11::varchar[])
        and (
            coalesce($1::varchar, '') = ''
            or contains(
                lower(
                    concat_ws(
                        chr(10), name, request_model, response_model, user_id, tenant, session_id,
                        feature, error_type, status_message, response_id, request_id
                    )
                ),
                lower($1::varchar)
            )
            or starts_with(replace(trace_id::varchar, '-', ''), lower($1::varchar))
            or starts_with(printf('%016x', span_id), lower($1::varchar))
        )
),
summaries as (
    select
        replace(trace_id::varchar, '-', '') as trace_id,
        min(start_time) as start_time,
        epoch_us(max(end_time) - min(start_time)) / 1e3 as duration_ms,
        coalesce(
            arg_min(name, start_time) filter (where parent_span_id is null),
            arg_min(name, start_time)
        ) as name,
        mode(coalesce(response_model, request_model)) filter (where is_inference) as model,
        count(distinct coalesce(response_model, request_model)) filter (where is_inference)
            as models,
        arg_min(user_id, start_time) as user_id,
        arg_min(tenant, start_time) as tenant,
        arg_min(feature, start_time) as feature,
        arg_min(service, start_time) as service,
        arg_min(environment, start_time) as environment,
        if(count(*) filter (where status = 'error') > 0, 'error', 'ok') as status,
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
        start_time >= $2::timestamp - interval 1 day
        and start_time < $3::timestamp + interval 1 day
        and trace_id in (select trace_id from fitting)
    group by spans.trace_id
)
select *
from summaries
where
    ($4::varchar is null or status = $4::varchar)
    and ($13::decimal(18, 12) is null or cost_usd >= $13::decimal(18, 12))
    and ($14::double is null or duration_ms >= $14::double)
    and (
        $15::timestamp is null
        or start_time < $15::timestamp
        or (start_time = $15::timestamp and trace_id < $16::varchar)
    )
order by start_time desc, trace_id desc
limit $17::bigint
