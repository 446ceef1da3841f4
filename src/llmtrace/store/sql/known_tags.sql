-- Which tags do calls have, most used first?
--
-- $1  from   UTC timestamp, inclusive
-- $2  limit  rows
--
-- Columns: key, value (untrusted text), calls
select
    entry.key as key,
    entry.value as value,
    count(*) as calls
from (
    select unnest(map_entries(tags)) as entry
    from llm_calls
    where start_time >= $1::timestamp
)
where entry.value is not null
group by all
order by calls desc, key, value
limit $2::bigint
