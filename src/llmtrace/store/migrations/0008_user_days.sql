-- Schema 8: what the calls of each user add up to by UTC day, of days that are over; read as the hourly
-- rollups are, and kept as true. Which days: _meta, user_days. Filled beside storing once it is opened.

create table rollup_user_days (
    day               timestamp not null,
    user_id           varchar,
    provider          varchar,
    model             varchar,
    environment       varchar,
    call_count        bigint not null,
    errors            bigint not null,
    unpriced_calls    bigint not null,
    priced_calls      bigint not null,
    -- Not compressed: DuckDB packs large numbers so that each takes 300 ns to read (as in schema 6).
    cost_usd          decimal(38, 12) using compression uncompressed not null,
    savings_calls     bigint not null,
    cache_savings_usd decimal(38, 12) using compression uncompressed not null,
    input_calls       bigint not null,
    input_tokens      hugeint using compression uncompressed not null,
    output_calls      bigint not null,
    output_tokens     hugeint using compression uncompressed not null,
    token_calls       bigint not null,
    -- Of calls that are priced and told their tokens, for the price of a token.
    paired_cost_usd   decimal(38, 12) using compression uncompressed not null,
    paired_tokens     hugeint using compression uncompressed not null,
    is_delta          boolean not null
);

create or replace view rollup_spans as
select
    trace_id,
    span_id,
    start_time,
    duration_ns,
    ttfc_ns,
    is_inference,
    provider,
    request_model,
    response_model,
    feature,
    service,
    environment,
    operation,
    status,
    error_type,
    http_status,
    retry_count,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cost_usd,
    cache_status,
    cache_savings_usd,
    user_id
from spans;
