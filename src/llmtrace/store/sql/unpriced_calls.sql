-- Which calls have no price, by what a price depends on?
--
-- Columns: provider, model, service_tier, calls, counted_calls (those that told their tokens),
-- input_tokens (all in), output_tokens (all out), cache_read_tokens, cache_write_tokens (0 where
-- none was told), last_seen (UTC); most calls first
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
    max(start_time) as last_seen
from llm_calls
where is_unpriced
group by all
order by calls desc, provider, model, service_tier
