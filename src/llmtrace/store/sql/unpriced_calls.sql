-- Which calls have no price, by what a price depends on?
--
-- $1  start, $2  end   UTC, the end exclusive
--
-- Columns: provider, model, service_tier, calls, counted_calls (those that told their tokens),
-- input_tokens (all in), output_tokens (all out), cache_read_tokens, cache_write_tokens (0 where
-- none was told), requests, units (VARCHAR[]: the kinds of fees and of units that were told),
-- last_seen (UTC); most calls first
with kinds as (
    select
        *,
        [k[25:] for k in map_keys(attributes) if starts_with(k, 'llmtrace.usage.requests.')]
            as fees,
        [k[22:] for k in map_keys(attributes) if starts_with(k, 'llmtrace.usage.units.')]
            as amounts
    from llm_calls
    where is_unpriced and start_time >= $1 and start_time < $2
)

select
    provider,
    model,
    service_tier,
    count(*) as calls,
    count(input_tokens) as counted_calls,
    coalesce(sum(input_tokens), 0)::bigint as input_tokens,
    coalesce(sum(output_tokens), 0)::bigint as output_tokens,
    coalesce(sum(cache_read_tokens), 0)::bigint as cache_read_tokens,
    coalesce(sum(cache_write_tokens), 0)::bigint as cache_write_tokens,
    list_sort(list_distinct(flatten(list(fees)))) as requests,
    list_sort(list_distinct(flatten(list(amounts)))) as units,
    max(start_time) as last_seen
from kinds
group by provider, model, service_tier
order by calls desc, provider, model, service_tier
