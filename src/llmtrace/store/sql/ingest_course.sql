-- How many spans were stored when, and how long after their end?
--
-- Parameters: grain (minute, hour), start and end (UTC, of being stored, half open)
-- Columns: time (UTC, NULL: the whole range), spans, ahead (spans that were stored before their
-- end: a clock is wrong; they have no lag), lag_p50_s, lag_p95_s (nearest rank; NULL: no span has one)
with arrived as (
    select
        date_trunc(?, ingested_at) as time,
        epoch_us(ingested_at - end_time) / 1e6 as lag_s
    from spans
    where ingested_at >= ? and ingested_at < ?
)

select
    time,
    count(*) as spans,
    count(*) filter (where lag_s < 0) as ahead,
    quantile_disc(lag_s, 0.5) filter (where lag_s >= 0) as lag_p50_s,
    quantile_disc(lag_s, 0.95) filter (where lag_s >= 0) as lag_p95_s
from arrived
group by grouping sets ((time), ())
order by time
