-- Which messages were made in a range, and what became of them? The newest first.
--
-- $1  from   UTC timestamp, inclusive
-- $2  to     UTC timestamp, exclusive
-- $3  limit  rows
--
-- Columns: those of alert_outbox; payload is JSON that holds untrusted text
select *
from alert_outbox
where created_at >= $1::timestamp and created_at < $2::timestamp
order by created_at desc, delivery_id
limit $3::bigint
