-- Schema 4: what the calls of each hour (UTC) add up to, written in the transaction that stores,
-- changes or forgets them, and kept when retention deletes the spans. Rows are added up when read:
-- several may be of one hour and one set of values, and one that takes a call out again is negative.
-- is_delta: not yet joined with the others of its hour. Filled from the spans when it is first opened.

create table rollup_calls (
    hour                timestamp not null,
    provider            varchar,
    model               varchar,
    feature             varchar,
    service             varchar,
    environment         varchar,
    operation           varchar,
    status              varchar,
    error_type          varchar,
    call_count          bigint not null,
    errors              bigint not null,
    rate_limit_hits     bigint not null,
    auth_errors         bigint not null,
    timeouts            bigint not null,
    unpriced_calls      bigint not null,
    -- Beside each sum, of how many calls it is: a sum of nothing known is NULL, not 0.
    priced_calls        bigint not null,
    cost_usd            decimal(38, 12) not null,
    savings_calls       bigint not null,
    cache_savings_usd   decimal(38, 12) not null,
    input_calls         bigint not null,
    input_tokens        hugeint not null,
    output_calls        bigint not null,
    output_tokens       hugeint not null,
    token_calls         bigint not null,
    cache_read_calls    bigint not null,
    cache_read_tokens   hugeint not null,
    retry_calls         bigint not null,
    retries             hugeint not null,
    cache_hits          bigint not null,
    cache_misses        bigint not null,
    -- Of calls whose output and length are both known, for tokens a second.
    timed_output_tokens hugeint not null,
    timed_ns            hugeint not null,
    is_delta            boolean not null
);

-- How many calls took how long (kind 'latency') and waited how long for the first chunk ('ttfc').
-- bucket = floor(16 * log2(nanoseconds)), -1 for none: a value lies within 2.2 % of its bucket's
-- geometric middle. Of fewer dimensions than rollup_calls: with more there is a row for each call.
create table rollup_latency (
    hour        timestamp not null,
    provider    varchar,
    model       varchar,
    service     varchar,
    environment varchar,
    kind        varchar not null,
    bucket      smallint not null,
    call_count  bigint not null,
    is_delta    boolean not null
);

-- What of a span a rollup is made of.
create view rollup_spans as
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
    cache_savings_usd
from spans;
