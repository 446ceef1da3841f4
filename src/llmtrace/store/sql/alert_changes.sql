-- What changed of which alert in a range, oldest first; and of each alert the last change before it,
-- which says how the range began for it. The newest changes, if there are more than asked for.
--
-- $1  from   UTC timestamp, inclusive
-- $2  to     UTC timestamp, exclusive
-- $3  limit  rows
--
-- Columns: those of alert_history; labels and summary are untrusted text
select *
from (
    select *
    from alert_history
    where tick < $2::timestamp
    qualify
        tick >= $1::timestamp
        or row_number() over (
            partition by key, tick < $1::timestamp order by tick desc, recorded_at desc
        ) = 1 and kind in ('pending', 'firing')
    order by tick desc, recorded_at desc, key
    limit $3::bigint
)
order by tick, recorded_at, key
