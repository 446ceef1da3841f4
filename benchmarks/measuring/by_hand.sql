-- The questions by hand: -- name, since when ($start): 'day' and 'month' when those of now began, else days back.
-- Of $now, $trace, $span, and $first to $last, an hour around when that span started.

-- today's spend; since day
select sum(cost_usd)
from calls
where start_time >= $start and start_time < $now;

-- month to date; since month
select sum(cost_usd)
from calls
where start_time >= $start and start_time < $now;

-- cost by model, 30 d; since 30
select model, sum(cost_usd)
from calls
where start_time >= $start and start_time < $now
group by 1;

-- cost by user, 50 dearest, 30 d; since 30
select user_id, sum(cost_usd) as cost
from calls
where start_time >= $start and start_time < $now
group by 1
order by cost desc limit 50;

-- cost by feature and day, 30 d; since 30
select feature, date_trunc('day', start_time) as day, sum(cost_usd)
from calls
where start_time >= $start and start_time < $now
group by all;

-- cost by model, user, feature and day, 60 d; since 60
select model, user_id, feature, date_trunc('day', start_time) as day, sum(cost_usd) as cost
from calls
where start_time >= $start and start_time < $now
group by all
order by cost desc limit 1000;

-- p50, p95, p99 by hour and model, 7 d; since 7
select date_trunc('hour', start_time), model, quantile_disc(duration_ns, 0.5), quantile_disc(duration_ns, 0.95), quantile_disc(duration_ns, 0.99)
from calls
where start_time >= $start and start_time < $now
group by 1, 2;

-- p50, p95, p99 by hour, 24 h; since 1
select date_trunc('hour', start_time), quantile_disc(duration_ns, 0.5), quantile_disc(duration_ns, 0.95), quantile_disc(duration_ns, 0.99)
from calls
where start_time >= $start and start_time < $now
group by 1;

-- p50, p95, p99 by hour, 60 d; since 60
select date_trunc('hour', start_time), quantile_disc(duration_ns, 0.5), quantile_disc(duration_ns, 0.95), quantile_disc(duration_ns, 0.99)
from calls
where start_time >= $start and start_time < $now
group by 1;

-- error rate by hour, 7 d; since 7
select date_trunc('hour', start_time), count(*) filter (where status = 'error') / count(*)
from calls
where start_time >= $start and start_time < $now
group by 1;

-- cache hit rate by model, 30 d; since 30
select model, count(*) filter (where cache_status = 'hit') / count(*)
from calls
where start_time >= $start and start_time < $now
group by 1;

-- 20 dearest traces, 24 h; since 1
select trace_id, sum(cost_usd) as cost
from calls
where start_time >= $start and start_time < $now
group by 1
order by cost desc limit 20;

-- 20 dearest traces, 30 d; since 30
select trace_id, sum(cost_usd) as cost
from calls
where start_time >= $start and start_time < $now
group by 1
order by cost desc limit 20;

-- a trace by its id; since 60
select *
from calls
where trace_id = $trace;

-- a trace by its id, about when; since 60
select *
from calls
where trace_id = $trace and start_time between $first and $last;

-- a call with its texts; since 60
select *
from calls as c left join texts as t using (start_time, trace_id, span_id)
where c.trace_id = $trace
    and c.span_id = $span;

-- a call with its texts, when known; since 60
select *
from calls as c left join texts as t using (start_time, trace_id, span_id)
where c.trace_id = $trace
    and c.span_id = $span
    and c.start_time between $first and $last;

-- 50 latest calls; since 60
select span_id, model, cost_usd
from calls
order by start_time desc limit 50;

-- 50 latest calls with texts; since 60
with latest as (select *
from calls
order by start_time desc limit 50) select *
from latest left join texts using (start_time, trace_id, span_id);

-- 50 latest calls of a user, 7 d; since 7
select span_id, model, cost_usd
from calls
where user_id = 'user-7' and start_time >= $start and start_time < $now
order by start_time desc limit 50;

-- a text in the prompts of 24 h; since 1
select count(*)
from texts
where start_time >= $start and start_time < $now and input_messages ilike '%refundab%';

-- a text in the prompts of 60 d; since 60
select count(*)
from texts
where start_time >= $start and start_time < $now and input_messages ilike '%refundab%';
