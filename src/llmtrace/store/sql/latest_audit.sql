-- Who changed, deleted or took what, last?
--
-- Parameters: operation (VARCHAR, NULL: all), limit
-- Columns: recorded_at (UTC), actor, operation, subject, arguments, outcome (JSON); newest first
select
    recorded_at,
    actor,
    operation,
    subject,
    arguments,
    outcome
from audit
where $1::varchar is null or operation = $1
order by recorded_at desc
limit $2
