-- What do single calls cost? Priced calls by size, in steps of 1, 2 and 5.
--
-- $1  from     UTC timestamp, inclusive
-- $2  to       UTC timestamp, exclusive
-- $3 … $8      varchar[]: environments, providers, models, users, features, tenants; empty for all
-- $9, $10      varchar[]: keys of tags, and the key, chr(31), value of each tag that fits; both empty
--              for all
--
-- Columns: from_usd (DECIMAL, inclusive; 0 for calls that cost nothing), calls, cost_usd; in order.
-- The digits of the cost decide, so that an amount at an edge is in the step that begins there.
with priced as (
    select
        cost_usd,
        -- Up to there a double holds every one of the twelve decimals, and is a third of the work.
        case
            when cost_usd < 1000 then round(cost_usd::double * 1e12)::bigint::varchar
            else ltrim(replace(cost_usd::varchar, '.', ''), '0')
        end as digits
    from llm_calls
    where
        cost_usd >= 0
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
),
stepped as (
    select
        length(digits) as places,
        case
            when digits = '0' then '0'
            when digits < '2' then '1'
            when digits < '5' then '2'
            else '5'
        end as first_digit,
        count(*) as calls,
        sum(cost_usd) as cost_usd
    from priced
    group by all
)
select
    ((first_digit || repeat('0', places - 1))::hugeint::decimal(38, 0) / 1000000000000)::decimal(18, 12)
        as from_usd,
    calls,
    cost_usd
from stepped
order by from_usd
