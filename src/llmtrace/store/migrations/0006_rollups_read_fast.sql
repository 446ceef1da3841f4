-- Schema 6: the same rows of rollup_calls, their large sums not compressed. DuckDB packs 128-bit
-- numbers into bits by default and takes 300 ns to read one again (seen with 1.5.6), a hundred times
-- as long as one that it left as it is; the 16 bytes are next to nothing beside the calls.

alter table rollup_calls rename to rollup_calls_packed;

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
    priced_calls        bigint not null,
    cost_usd            decimal(38, 12) using compression uncompressed not null,
    savings_calls       bigint not null,
    cache_savings_usd   decimal(38, 12) using compression uncompressed not null,
    input_calls         bigint not null,
    input_tokens        hugeint using compression uncompressed not null,
    output_calls        bigint not null,
    output_tokens       hugeint using compression uncompressed not null,
    token_calls         bigint not null,
    cache_read_calls    bigint not null,
    cache_read_tokens   hugeint using compression uncompressed not null,
    retry_calls         bigint not null,
    retries             hugeint using compression uncompressed not null,
    cache_hits          bigint not null,
    cache_misses        bigint not null,
    timed_output_tokens hugeint using compression uncompressed not null,
    timed_ns            hugeint using compression uncompressed not null,
    is_delta            boolean not null
);

insert into rollup_calls by name select * from rollup_calls_packed;

drop table rollup_calls_packed;
