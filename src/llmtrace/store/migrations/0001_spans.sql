-- Schema 1: spans, their bodies, and what makes ingestion exactly-once.
-- Times are UTC. Unknown is NULL, never 0. Money is exact: DECIMAL(18,12) US dollars.
-- No primary keys: an index on (trace_id, span_id) costs five times the insert and twice the disk;
-- the writer keeps spans unique with an anti-join bounded by start_time.

create table spans (
    start_time                    timestamp not null,
    end_time                      timestamp not null,
    duration_ns                   bigint,
    trace_id                      uuid not null,
    span_id                       ubigint not null,
    parent_span_id                ubigint,
    name                          varchar not null,
    kind                          varchar not null,
    status                        varchar not null,
    status_message                varchar,
    error_type                    varchar,
    http_status                   integer,
    service                       varchar,
    environment                   varchar,
    sdk                           varchar,
    origin                        varchar,
    api                           varchar,
    is_inference                  boolean not null,
    operation                     varchar,
    provider                      varchar,
    request_model                 varchar,
    response_model                varchar,
    agent_name                    varchar,
    tool_name                     varchar,
    user_id                       varchar,
    tenant                        varchar,
    session_id                    varchar,
    feature                       varchar,
    tags                          map(varchar, varchar),
    finish_reasons                varchar[],
    response_id                   varchar,
    request_id                    varchar,
    service_tier                  varchar,
    is_stream                     boolean,
    stream_outcome                varchar,
    retry_count                   bigint,
    ttfc_ns                       bigint,
    input_tokens                  bigint,
    output_tokens                 bigint,
    cache_read_tokens             bigint,
    cache_write_tokens            bigint,
    cache_write_5m_tokens         bigint,
    cache_write_1h_tokens         bigint,
    reasoning_tokens              bigint,
    audio_input_tokens            bigint,
    image_input_tokens            bigint,
    audio_output_tokens           bigint,
    image_output_tokens           bigint,
    usage_source                  varchar,
    usage_anomaly                 varchar,
    cost_usd                      decimal(18, 12),
    cost_input_usd                decimal(18, 12),
    cost_output_usd               decimal(18, 12),
    cost_cache_read_usd           decimal(18, 12),
    cost_cache_write_usd          decimal(18, 12),
    cost_tools_usd                decimal(18, 12),
    cost_source                   varchar,
    price_version                 varchar,
    cache_status                  varchar,
    cache_savings_usd             decimal(18, 12),
    rate_limit_limit_requests     bigint,
    rate_limit_remaining_requests bigint,
    rate_limit_limit_tokens       bigint,
    rate_limit_remaining_tokens   bigint,
    attributes                    map(varchar, varchar),
    resource_id                   ubigint,
    ingested_at                   timestamp not null
);

-- Bodies live apart, so that they can be deleted sooner than the figures.
create table payloads (
    start_time          timestamp not null,
    trace_id            uuid not null,
    span_id             ubigint not null,
    request_body        varchar using compression zstd,
    response_body       varchar using compression zstd,
    input_messages      varchar using compression zstd,
    output_messages     varchar using compression zstd,
    system_instructions varchar using compression zstd,
    tool_definitions    varchar using compression zstd,
    usage_raw           varchar using compression zstd,
    redacted            varchar,
    truncated           varchar
);

create table events (
    start_time timestamp not null,
    trace_id   uuid not null,
    span_id    ubigint not null,
    event_time timestamp not null,
    name       varchar not null,
    attributes map(varchar, varchar)
);

create table links (
    start_time      timestamp not null,
    trace_id        uuid not null,
    span_id         ubigint not null,
    linked_trace_id uuid not null,
    linked_span_id  ubigint not null,
    attributes      map(varchar, varchar)
);

create table resources (
    resource_id ubigint not null,
    attributes  map(varchar, varchar),
    first_seen  timestamp not null
);

-- Requests that were stored, by hash of their bytes: a client's retry of one is dropped whole.
create table _batches (
    batch_hash  uuid not null,
    received_at timestamp not null
);

-- How far each segment is in this store; moved in the transaction that stores its rows.
create table _segments (
    name        varchar not null,
    byte_offset bigint not null,
    updated_at  timestamp not null
);

-- What ingestion refused, repaired or found damaged, by reason, since the store was made.
create table _counts (
    name  varchar primary key,
    total bigint not null
);

-- Calls with the ids both as people read them and as they are stored, for the two views below.
create view _calls as
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
    span_id as span_number
from spans
where is_inference;

create view llm_calls as
select * exclude (api, trace_uuid, span_number)
from _calls;

create view llm_calls_full as
select
    c.* exclude (api, trace_uuid, span_number),
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

-- errors counts failed spans of any kind; the token and money columns sum inference spans only.
create view traces as
select
    replace(trace_id::varchar, '-', '') as trace_id,
    min(start_time) as start_time,
    epoch_us(max(end_time) - min(start_time)) / 1e3 as duration_ms,
    coalesce(
        arg_min(name, start_time) filter (where parent_span_id is null),
        arg_min(name, start_time)
    ) as name,
    arg_min(service, start_time) as service,
    arg_min(environment, start_time) as environment,
    arg_min(user_id, start_time) as user_id,
    arg_min(tenant, start_time) as tenant,
    arg_min(session_id, start_time) as session_id,
    arg_min(feature, start_time) as feature,
    count(*) as spans,
    count(*) filter (where is_inference) as llm_calls,
    count(*) filter (where status = 'error') as errors,
    (sum(input_tokens) filter (where is_inference))::bigint as input_tokens,
    (sum(output_tokens) filter (where is_inference))::bigint as output_tokens,
    sum(cost_usd) filter (where is_inference) as cost_usd,
    count(*) filter (
        where is_inference and cost_usd is null
            and (status is distinct from 'error' or input_tokens is not null)
    ) as unpriced_calls,
    list_sort(
        list(distinct coalesce(response_model, request_model))
            filter (where is_inference and coalesce(response_model, request_model) is not null)
    ) as models
from spans
group by spans.trace_id;

create view sessions as
select
    session_id,
    arg_min(user_id, start_time) as user_id,
    arg_min(tenant, start_time) as tenant,
    min(start_time) as start_time,
    max(end_time) as end_time,
    count(distinct trace_id) as traces,
    count(*) filter (where is_inference) as llm_calls,
    count(*) filter (where status = 'error') as errors,
    (sum(input_tokens) filter (where is_inference))::bigint as input_tokens,
    (sum(output_tokens) filter (where is_inference))::bigint as output_tokens,
    sum(cost_usd) filter (where is_inference) as cost_usd,
    count(*) filter (
        where is_inference and cost_usd is null
            and (status is distinct from 'error' or input_tokens is not null)
    ) as unpriced_calls
from spans
where session_id is not null
group by session_id;

create view daily_cost as
select
    start_time::date as day,
    provider,
    coalesce(response_model, request_model) as model,
    user_id,
    tenant,
    feature,
    service,
    environment,
    count(*) as requests,
    count(*) filter (where status = 'error') as errors,
    sum(input_tokens)::bigint as input_tokens,
    sum(output_tokens)::bigint as output_tokens,
    sum(cache_read_tokens)::bigint as cache_read_tokens,
    sum(cost_usd) as cost_usd,
    sum(cache_savings_usd) as cache_savings_usd,
    count(*) filter (
        where cost_usd is null and (status is distinct from 'error' or input_tokens is not null)
    ) as unpriced_calls
from spans
where is_inference
group by all;

create view errors as
select *
from llm_calls
where is_error;

create view unpriced as
select
    provider,
    model,
    count(*) as calls,
    sum(input_tokens)::bigint as input_tokens,
    sum(output_tokens)::bigint as output_tokens,
    min(start_time) as first_seen,
    max(start_time) as last_seen
from llm_calls
where is_unpriced
group by provider, model;
